import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { FakeClock } from '../../core/fake-clock.ts';
import { withLock } from './lock.ts';
import { type LockOwner, parseOwner, thisOwner } from './lock-owner.ts';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'lock-'));
  file = path.join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true }));

const never = new AbortController().signal;
const hold = async (owner: Partial<LockOwner>) => writeFile(file, JSON.stringify({ ...(await thisOwner()), id: 'other', ...owner }));
const age = (ms: number) => utimes(file, new Date(Date.now() - ms), new Date(Date.now() - ms));

/** Takes the lock with the real clock; resolves with whom it waited for. */
async function take(signal = never): Promise<(string | undefined)[]> {
  const waited: (string | undefined)[] = [];
  await withLock(file, { clock: systemClock, signal, onWait: (host) => void waited.push(host) }, async () => undefined);
  return waited;
}

test('one works while the others wait, and each gets its turn', async () => {
  const events: string[] = [];
  const release = Promise.withResolvers<void>();
  const options = { clock: systemClock, signal: never, onWait: (host: string | undefined) => void events.push(`waits for ${host}`) };
  const first = withLock(file, options, async () => {
    events.push('first begins');
    await release.promise;
    events.push('first ends');
  });
  await expect.poll(() => events).toContain('first begins');
  const second = withLock(file, options, async () => void events.push('second'));
  await expect.poll(() => events).toContain(`waits for ${hostname()}`);
  release.resolve();
  await Promise.all([first, second]);
  expect(events.filter((event) => !event.startsWith('waits'))).toEqual(['first begins', 'first ends', 'second']);
  await expect(stat(file)).rejects.toThrow('ENOENT');
});

test('is given back when the work fails', async () => {
  const options = { clock: systemClock, signal: never, onWait: () => undefined };
  await expect(withLock(file, options, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await take()).toEqual([]);
});

test.each<[string, Partial<LockOwner>]>([
  ['has ended', { pid: 4_194_305 }],
  ['has ended, and its number is that of another process', { pid: process.ppid, began: '1' }],
  ['has ended, and its number is mine', { began: '1' }],
])('takes over at once from a process of this container that %s', async (_, owner) => {
  await hold(owner);
  expect(await take()).toEqual([]);
});

test('a container that is started again does not take its dead predecessor, with the same host name and number, for itself', async () => {
  await hold({ pidNamespace: 'pid:[1]', pid: process.pid });
  await age(21_000);
  expect(await take()).toEqual([]);
});

test('waits for a living process of another container on this machine', async () => {
  await hold({ pidNamespace: 'pid:[1]', pid: 4_194_305, host: 'pod-a' });
  const taken = take(AbortSignal.timeout(1_200));
  await expect(taken).rejects.toThrow('timeout');
});

test('a lock of another machine is judged by whether it changes, not by its clock', async () => {
  const clock = new FakeClock();
  let touched = 0;
  const touch = async () => {
    touched += 1;
    await utimes(file, touched, touched); // decades behind our clock
  };
  await hold({ boot: 'another-machine', host: 'pod-b' });
  await touch();
  let taken = false;
  const waited: (string | undefined)[] = [];
  const lock = withLock(file, { clock, signal: never, onWait: (host) => void waited.push(host) }, async () => {
    taken = true;
  });
  for (let seconds = 0; seconds < 60; seconds += 1) {
    await expect.poll(() => clock.sleeping).toBe(1);
    if (seconds % 5 === 0) await touch();
    await clock.advance(1_000);
  }
  expect([taken, waited[0]]).toEqual([false, 'pod-b']);
  for (let seconds = 0; seconds < 25 && !taken; seconds += 1) {
    await expect.poll(() => clock.sleeping === 1 || taken).toBe(true);
    await clock.advance(1_000);
  }
  await lock;
  expect(taken).toBe(true);
});

test('does not remove the lock of one who took over', async () => {
  await withLock(file, { clock: systemClock, signal: never, onWait: () => undefined }, () => hold({ id: 'successor' }));
  expect(parseOwner(await readFile(file, 'utf8'))?.id).toBe('successor');
});

test('stops waiting when it is told to', async () => {
  await hold({ boot: 'another-machine' });
  const stop = new AbortController();
  const taken = take(stop.signal);
  stop.abort(new Error('enough'));
  await expect(taken).rejects.toThrow('enough');
});
