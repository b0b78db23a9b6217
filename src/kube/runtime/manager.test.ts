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
  manager.addController(() => ({ name: controller.name, start: (signal) => controller.run(signal) }));
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

test('waits for a cache as long as that takes, and tells what it lacks', async () => {
  const { lines, part } = diary();
  const filled = Promise.withResolvers<void>();
  const manager = new Manager();
  const cache = part('cache');
  manager.addCache({
    name: 'cache',
    run: (signal) => cache.run(signal),
    synced: () => filled.promise,
    waitingFor: ['pods (no route)'],
  });
  manager.addRunnable(part('runnable'));
  const stop = new AbortController();
  expect(manager.waitingFor).toEqual(['pods (no route)']);
  const running = manager.run(stop.signal);
  await eventually(() => lines.includes('cache starts'));
  expect([manager.ready, manager.waitingFor]).toEqual([false, ['pods (no route)']]);
  filled.resolve();
  await eventually(() => manager.ready);
  expect([manager.waitingFor, lines.at(-1)]).toEqual([[], 'runnable starts']);
  stop.abort();
  expect(manager.waitingFor).toEqual([]);
  await running;
  expect([manager.ready, manager.waitingFor]).toEqual([false, ['the end: it stops']]);
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

/** An election that is won after the first try, or never. */
const notYet = { tried: async () => {}, leading: false };

test('with a leader election controllers run while it leads; the rest runs, and is ready, on standbys too', async () => {
  const { lines, part } = diary();
  const elected = Promise.withResolvers<void>();
  const manager = new Manager({
    leaderElection: {
      ...notYet,
      async lead(work, signal) {
        await elected.promise;
        await work(signal);
        lines.push('lease released');
      },
    },
  });
  const stop = new AbortController();
  const controller = part('controller');
  manager.addController(() => ({ name: controller.name, start: (signal) => controller.run(signal) }));
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

test('each term has controllers of its own, and begins with caches that were read anew', async () => {
  const { lines, part } = diary();
  let term = 0;
  let made = 0;
  const lost = new AbortController();
  const manager = new Manager({
    leaderElection: {
      ...notYet,
      async lead(work, signal) {
        term = 1;
        await work(AbortSignal.any([signal, lost.signal]));
        lines.push('stands by');
        expect(manager.ready).toBe(true);
        term = 2;
        await work(signal);
      },
    },
  });
  const cache = part('cache');
  manager.addCache({
    name: 'cache',
    run: (signal) => cache.run(signal),
    synced: async () => {},
    refresh: async () => void lines.push(`cache refreshed for term ${term}`),
  });
  manager.addController(() => {
    made += 1;
    const controller = part(`controller ${made}`);
    return { name: 'controller', start: (signal) => controller.run(signal) };
  });
  expect(made).toBe(1); // so that the caches know what it needs
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  await eventually(() => lines.includes('controller 1 starts'));
  lost.abort(new LeadershipLost('gone'));
  await eventually(() => lines.includes('controller 2 starts'));
  stop.abort();
  await running;
  expect(lines).toEqual([
    'cache starts',
    'cache refreshed for term 1',
    'controller 1 starts',
    'controller 1 ends',
    'stands by',
    'cache refreshed for term 2',
    'controller 2 starts',
    'controller 2 ends',
    'cache ends',
  ]);
});

test('a lease that is free is taken before the caches start, and then nothing is read twice', async () => {
  const { lines, part } = diary();
  const won = Promise.withResolvers<void>();
  let leading = false;
  const manager = new Manager({
    leaderElection: {
      tried: () => won.promise,
      get leading() {
        return leading;
      },
      async lead(work, signal) {
        lines.push('lease won');
        leading = true;
        won.resolve();
        await work(signal);
      },
    },
  });
  const cache = part('cache');
  const filled = Promise.withResolvers<void>();
  manager.addCache({
    name: 'cache',
    run: (signal) => cache.run(signal),
    synced: () => filled.promise,
    refresh: async () => void lines.push('cache refreshed'),
  });
  const controller = part('controller');
  manager.addController(() => ({ name: controller.name, start: (signal) => controller.run(signal) }));
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  await eventually(() => lines.includes('cache starts'));
  filled.resolve();
  await eventually(() => lines.includes('controller starts'));
  stop.abort();
  await running;
  expect(lines).toEqual(['lease won', 'cache starts', 'controller starts', 'controller ends', 'cache ends']);
});

test('a term that is lost before the caches were read has no controllers', async () => {
  const { lines, part } = diary();
  const lost = new AbortController();
  const manager = new Manager({
    leaderElection: {
      ...notYet,
      async lead(work, signal) {
        await work(AbortSignal.any([signal, lost.signal]));
        lines.push('stands by');
      },
    },
  });
  const cache = part('cache');
  manager.addCache({
    name: 'cache',
    run: (signal) => cache.run(signal),
    synced: async () => {},
    refresh: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  const controller = part('controller');
  manager.addController(() => ({ name: controller.name, start: (signal) => controller.run(signal) }));
  const running = manager.run(new AbortController().signal).catch((error: unknown) => error);
  await eventually(() => manager.ready);
  lost.abort(new LeadershipLost('gone'));
  await eventually(() => lines.includes('stands by'));
  await running;
  expect(lines).toEqual(['cache starts', 'stands by', 'cache ends']);
});

test('controllers that do not end with their term end the whole', async () => {
  const { lines, part } = diary();
  const manager = new Manager({
    leaderElection: { ...notYet, lead: async () => Promise.reject(new LeadershipLost('the work did not end')) },
  });
  manager.addServer(part('server'));
  manager.addController(() => ({ name: 'controller', start: async () => {} }));
  await expect(manager.run(new AbortController().signal)).rejects.toMatchObject({ cause: new LeadershipLost('the work did not end') });
  expect(lines).toEqual(['server starts', 'server ends']);
});
