import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { identify } from '../process-identity.ts';
import { ContainerProcess } from './process.ts';

/** Runs a script of Node; `says` resolves with the text when the output holds it. */
async function start(script: string, env: Record<string, string> = {}) {
  let output = '';
  let heard = () => {};
  const container = await ContainerProcess.start({
    argv: [process.execPath, '-e', script],
    environment: { PATH: process.env.PATH ?? '', ...env },
    workingDirectory: '/',
    clock: systemClock,
    onOutput: (stream, chunk) => {
      output += `${stream}:${chunk}`;
      heard();
    },
  });
  onTestFinished(() => container.stop(0));
  const says = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const match = pattern.exec(output);
      if (match) return match;
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
  return { container, says };
}

const gone = (pid: number) => expect.poll(() => identify(pid)).toBeUndefined();

test('tells output by stream, and the exit code', async () => {
  const { container, says } = await start('console.log("out"); console.error("err"); process.exitCode = 3');
  expect(await container.exited).toEqual({ exitCode: 3 });
  await says(/stdout:out\n/);
  await says(/stderr:err\n/);
});

test('tells a signal as 128 and its number', async () => {
  const { container } = await start('process.kill(process.pid, "SIGABRT")');
  expect(await container.exited).toEqual({ exitCode: 134, signal: 6 });
});

test('lets a process end by itself within its grace', async () => {
  const { container, says } = await start('process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1e6); console.log("up")');
  await says(/up/);
  container.stop(60_000);
  expect(await container.exited).toEqual({ exitCode: 0 });
});

test('kills a process that ignores SIGTERM, sooner when asked again with less time', async () => {
  const { container, says } = await start('process.on("SIGTERM", () => console.log("no")); setInterval(() => {}, 1e6); console.log("up")');
  await says(/up/);
  container.stop(60_000);
  await says(/no/);
  container.stop(10);
  expect(await container.exited).toEqual({ exitCode: 137, signal: 9 });
});

test('ends the children of a container with it', async () => {
  const script = `const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'inherit' });
    console.log('child', child.pid); setInterval(() => {}, 1e6)`;
  const { container, says } = await start(script);
  const [, child] = await says(/child (\d+)/);
  process.kill(container.pid, 'SIGKILL'); // as if it had crashed: only the leader
  expect(await container.exited).toEqual({ exitCode: 137, signal: 9 });
  await gone(Number(child));
});

test('refuses a program that is not there', async () => {
  const missing = ContainerProcess.start({
    argv: ['/no/such/program'],
    environment: {},
    workingDirectory: '/',
    clock: systemClock,
    onOutput: () => undefined,
  });
  await expect(missing).rejects.toMatchObject({ code: 'ENOENT' });
});

test('gives the child a pipe at descriptor 3 that stays open while its parent lives', async () => {
  const script = `const pipe = new (require('node:net').Socket)({ fd: 3 });
    pipe.on('close', () => console.log('closed')).resume();
    setTimeout(() => { console.log('bye'); process.exit(0); }, 50)`;
  const { container, says } = await start(script);
  await container.exited;
  const [said] = await says(/^.*bye/s);
  expect(said).toBe('stdout:bye');
});
