import { expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { eventually } from '../testing/eventually.fake.ts';
import { LeadershipLost } from './leader-election.ts';
import { Manager, type Runnable } from './manager.ts';

/** Parts that write down when they start and end. */
function diary() {
  const lines: string[] = [];
  const part = (name: string, ready?: Promise<void>): Runnable => ({
    name,
    async run(signal) {
      lines.push(`${name} starts`);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await Promise.resolve();
      lines.push(`${name} ends`);
    },
    ...(ready && { ready: () => ready }),
  });
  return { lines, part };
}

test('starts each stage when the one before is ready, and stops in reverse', async () => {
  const { lines, part } = diary();
  const cacheReady = Promise.withResolvers<void>();
  const manager = new Manager();
  const stop = new AbortController();
  const controller = part('controller');
  manager.addController({ name: controller.name, start: (signal) => controller.run(signal) });
  manager.addRunnable(part('runnable'));
  const cache = part('cache');
  manager.addCache({ name: cache.name, run: (signal) => cache.run(signal), synced: () => cacheReady.promise });
  manager.addServer(part('server'));
  const running = manager.run(stop.signal);
  await eventually(() => expect(lines).toEqual(['server starts', 'cache starts']));
  expect(manager.ready).toBe(false);
  cacheReady.resolve();
  await eventually(() => manager.ready);
  stop.abort();
  await running;
  expect(manager.ready).toBe(false);
  expect(lines).toEqual([
    'server starts',
    'cache starts',
    'runnable starts',
    'controller starts',
    'controller ends',
    'runnable ends',
    'cache ends',
    'server ends',
  ]);
});

test('a part that fails, or ends by itself, ends the whole', async () => {
  for (const [fate, message] of [
    [async () => Promise.reject(new Error('disk gone')), '"odd" failed'],
    [async () => {}, '"odd" ended by itself'],
  ] as const) {
    const { lines, part } = diary();
    const manager = new Manager();
    manager.addServer(part('server'));
    manager.addRunnable({ name: 'odd', run: fate });
    await expect(manager.run(new AbortController().signal)).rejects.toThrow(message);
    expect(lines).toEqual(['server starts', 'server ends']);
  }
});

test('a cache that never fills fails the start', async () => {
  const clock = new FakeClock();
  const { lines, part } = diary();
  const manager = new Manager({ clock, readyTimeoutMs: 120_000 });
  manager.addServer(part('server'));
  const cache = part('cache');
  manager.addCache({
    name: 'cache',
    run: (signal) => cache.run(signal),
    synced: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  const running = expect(manager.run(new AbortController().signal)).rejects.toThrow('the caches were not ready within 120 s');
  await eventually(() => clock.sleeping === 1 && lines.includes('cache starts'));
  await clock.advance(120_000);
  await running;
  expect(lines.slice(-2)).toEqual(['cache ends', 'server ends']);
});

test('a stop in the midst of the start stops what has started', async () => {
  const { lines, part } = diary();
  const manager = new Manager();
  const stop = new AbortController();
  manager.addServer({
    ...part('server'),
    ready: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  manager.addRunnable(part('runnable'));
  const running = manager.run(stop.signal);
  await eventually(() => expect(lines).toEqual(['server starts']));
  stop.abort();
  await running;
  expect(lines).toEqual(['server starts', 'server ends']);
});

test('a part that does not stop within the grace is named', async () => {
  const clock = new FakeClock();
  const { part } = diary();
  const manager = new Manager({ clock, graceMs: 30_000 });
  manager.addServer(part('server'));
  manager.addRunnable({ name: 'deaf', run: () => new Promise(() => {}) });
  const stop = new AbortController();
  const running = expect(manager.run(stop.signal)).rejects.toThrow('the runnables did not stop within 30 s');
  await eventually(() => manager.ready);
  stop.abort();
  await eventually(() => clock.sleeping === 1);
  await clock.advance(30_000);
  await running;
});

test('runs once, and takes no late parts', async () => {
  const manager = new Manager();
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  expect(() => manager.addRunnable({ name: 'late', run: async () => {} })).toThrow('"late" comes too late');
  await expect(manager.run(stop.signal)).rejects.toThrow('started already');
  stop.abort();
  await running;
});

test('with a leader election controllers run while it leads; the rest runs, and is ready, on standbys too', async () => {
  const { lines, part } = diary();
  const elected = Promise.withResolvers<void>();
  const manager = new Manager({
    leaderElection: {
      async lead(work, signal) {
        await elected.promise;
        await work(signal);
        lines.push('lease released');
      },
    },
  });
  const stop = new AbortController();
  const controller = part('controller');
  manager.addController({ name: controller.name, start: (signal) => controller.run(signal) });
  manager.addRunnable(part('runnable'));
  const running = manager.run(stop.signal);
  await eventually(() => manager.ready);
  expect(lines).toEqual(['runnable starts']);
  elected.resolve();
  await eventually(() => lines.includes('controller starts'));
  stop.abort();
  await running;
  expect(lines).toEqual(['runnable starts', 'controller starts', 'controller ends', 'lease released', 'runnable ends']);
});

test('lost leadership ends the whole', async () => {
  const { lines, part } = diary();
  const manager = new Manager({
    leaderElection: {
      async lead(work) {
        await work(AbortSignal.abort(new LeadershipLost('gone')));
        throw new LeadershipLost('gone');
      },
    },
  });
  manager.addServer(part('server'));
  manager.addController({ name: 'controller', start: async () => {} });
  await expect(manager.run(new AbortController().signal)).rejects.toMatchObject({ cause: new LeadershipLost('gone') });
  expect(lines).toEqual(['server starts', 'server ends']);
});
