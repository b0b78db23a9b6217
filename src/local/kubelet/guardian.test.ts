import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { identify } from '../process-identity.ts';
import { Guardian } from './guardian.ts';
import { forgetProcess, reapLeftovers, recordProcess } from './leftovers.ts';

function sleeper(): { pid: number; ended: Promise<unknown> } {
  const child = spawn('/bin/sleep', ['600'], { detached: true, stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.pid === undefined) throw new Error('/bin/sleep cannot be run');
  return { pid: child.pid, ended: once(child, 'exit') };
}

async function podsFolder(): Promise<{ pods: string; container: string }> {
  const pods = await mkdtemp(join(tmpdir(), 'mf-pods-'));
  onTestFinished(() => rm(pods, { recursive: true }));
  const container = join(pods, 'uid', 'c');
  await mkdir(container, { recursive: true });
  return { pods, container };
}

test('ends at its own end what it still watches, and nothing else', async () => {
  const [watched, forgotten] = [sleeper(), sleeper()];
  const guardian = new Guardian(silentLogger);
  guardian.watch(forgotten.pid);
  guardian.watch(watched.pid);
  guardian.forget(forgotten.pid);
  await Promise.all([guardian.close(), watched.ended]);
  expect(await identify(forgotten.pid)).toBeDefined();
});

test('kills a process that a former kubelet left', async () => {
  const { pods, container } = await podsFolder();
  const left = sleeper();
  await recordProcess(container, left.pid);
  await reapLeftovers(pods, { clock: systemClock, logger: silentLogger });
  expect(await identify(left.pid)).toBeUndefined();
  expect(await readdir(container)).toEqual([]);
});

test('leaves a process alone that has the id of one that ended', async () => {
  const { pods, container } = await podsFolder();
  const stranger = sleeper();
  await writeFile(join(container, 'process.json'), JSON.stringify({ pid: stranger.pid, started: '1' }));
  await reapLeftovers(pods, { clock: systemClock, logger: silentLogger });
  expect(await identify(stranger.pid)).toBeDefined();
});

test.each(['', '{', '{"pid":"x"}', '{"pid":-1,"started":"1"}'])('ignores a record that holds %j', async (text) => {
  const { pods, container } = await podsFolder();
  await writeFile(join(container, 'process.json'), text);
  await reapLeftovers(pods, { clock: systemClock, logger: silentLogger });
  expect(await readdir(container)).toEqual([]);
});

test('forgets a process that has ended', async () => {
  const { container } = await podsFolder();
  await recordProcess(container, sleeper().pid);
  await forgetProcess(container);
  expect(await readdir(container)).toEqual([]);
});
