import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identify } from './process-identity.ts';
import { StateDir } from './state-dir.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'state-dir-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('connection.json is private to its owner and comes back as written', async () => {
  const dir = await StateDir.open(join(root, 'state'));
  const connection = { gateway: 'http://127.0.0.1:8080/v1', apiKey: 'mf-x', kubeconfig: '/k' };
  await dir.writeConnection(connection);

  expect(await dir.readConnection()).toEqual(connection);
  expect((await stat(dir.file('connection.json'))).mode & 0o777).toBe(0o600);
});

test('a lock left by a killed process does not block the next start', async () => {
  const dir = await StateDir.open(join(root, 'state'));
  await writeFile(dir.file('lock'), `${process.ppid}\nsome other start`); // the id was given to another process since

  await expect(StateDir.open(dir.path)).resolves.toBeDefined();
  expect(await readFile(dir.file('lock'), 'utf8')).toMatch(new RegExp(`^${process.pid}\n`));
});

test('a folder that a live process holds is refused with its process id', async () => {
  const dir = await StateDir.open(join(root, 'state'));
  const parent = await identify(process.ppid);
  await writeFile(dir.file('lock'), `${parent?.pid}\n${parent?.started}`);

  await expect(StateDir.open(dir.path)).rejects.toThrow(`process ${process.ppid}`);
});

test('--reset empties our folder and refuses a foreign one', async () => {
  const dir = await StateDir.open(join(root, 'state'));
  await writeFile(dir.file('journal'), 'x');
  await dir.close();
  const fresh = await StateDir.open(dir.path, { reset: true });
  await expect(stat(fresh.file('journal'))).rejects.toThrow();

  await writeFile(join(root, 'precious'), 'x');
  await expect(StateDir.open(root, { reset: true })).rejects.toThrow('is not a state folder of Modelfleet');
  expect(await readFile(join(root, 'precious'), 'utf8')).toBe('x');
});
