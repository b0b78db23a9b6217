import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Processes } from './processes.ts';
import { waitUntil } from './wait.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelfleet-processes-'));
});
afterEach(async () => {
  const processes = new Processes(folder);
  for (const name of await processes.names()) await processes.stop(name, 0);
  await rm(folder, { recursive: true });
});

const script = (name: string, code: string) => ({ name, program: process.execPath, args: ['-e', code] });
const says = (processes: Processes, name: string, words: string) => async () => (await processes.lastWords(name)).includes(words);
const idle = 'setInterval(() => {}, 1000); console.log("up");';

describe.skipIf(process.platform !== 'linux')('processes that outlive the command that starts them', () => {
  test('can be stopped and started again, as they were, by a later command', async () => {
    await new Processes(folder).start(script('server', idle));
    const later = new Processes(folder);
    expect(await later.names()).toEqual(['server']);
    expect(await later.isRunning('server')).toBe(true);

    await later.stop('server', 5_000);
    expect(await later.isRunning('server')).toBe(false);

    await later.startAgain('server');
    expect(await later.isRunning('server')).toBe(true);
  });

  test('are killed when they do not end by themselves in time', async () => {
    const processes = new Processes(folder);
    await processes.start(script('stubborn', `process.on('SIGTERM', () => {}); ${idle}`));
    await waitUntil('the script', { processes, name: 'stubborn' }, says(processes, 'stubborn', 'up'));

    await processes.stop('stubborn', 100);

    expect(await processes.isRunning('stubborn')).toBe(false);
  });

  test('starting again does nothing while it runs, and fails for what was never started', async () => {
    const processes = new Processes(folder);
    await processes.start(script('server', idle));
    await waitUntil('the script', { processes, name: 'server' }, says(processes, 'server', 'up'));
    await processes.startAgain('server');
    expect(await processes.lastWords('server')).toBe('up');
    await expect(processes.startAgain('other')).rejects.toThrow('other was never started in this cluster');
  });

  test('a wait ends at once with the last words of a process that dies', async () => {
    const processes = new Processes(folder);
    await processes.start(script('broken', 'console.error("the port is taken"); process.exit(1)'));

    const waiting = waitUntil('the server', { processes, name: 'broken' }, () => Promise.reject(new Error('refused')));

    await expect(waiting).rejects.toThrow(/the server cannot be had: broken has ended.*the port is taken/s);
  });

  test('a program that does not exist is an error that names the process', async () => {
    const starting = new Processes(folder).start({ name: 'server', program: '/does/not/exist', args: [] });
    await expect(starting).rejects.toThrow('cannot start server');
  });
});
