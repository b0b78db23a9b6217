import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { ApiError } from '../client/api-error.ts';
import { KubeMetrics } from '../metrics.ts';
import { eventually } from '../testing/eventually.fake.ts';
import { Controller, type ControllerOptions, type Reconcile } from './controller.ts';
import { LeadershipLost } from './leader-election.ts';
import { ExponentialBackoff } from './rate-limiter.ts';
import { done, requeueAfter, TerminalError } from './result.ts';
import { lately } from './sources.ts';
import { WorkQueue } from './work-queue.ts';

function controllerOf(reconcile: Reconcile, options: Partial<ControllerOptions> = {}) {
  const clock = new FakeClock();
  const registry = new Registry();
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const metrics = new KubeMetrics(registry);
  const queue = new WorkQueue({ clock, limiter: new ExponentialBackoff(), observer: metrics.queue('models') });
  const controller = new Controller({
    name: 'models',
    reconcile,
    sources: [],
    clock,
    metrics,
    logger,
    queue,
    newId: () => 'run-1',
    ...options,
  });
  const stop = new AbortController();
  const running = controller.start(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  const metric = async (name: string, labels: Record<string, string> = {}) => {
    const found = await registry.getSingleMetric(name)?.get();
    return found?.values.find((value) => Object.entries(labels).every(([label, text]) => value.labels[label] === text))?.value;
  };
  return { clock, controller, lines, end, stop, running, metric };
}

test('reconciles a key, and again after the time that it asks for', async () => {
  const seen: string[] = [];
  const { clock, controller, end, metric } = controllerOf(async (key) => {
    seen.push(key);
    return seen.length < 2 ? requeueAfter(10_000) : done();
  });
  controller.queue.add('default/a');
  await eventually(() => expect(seen).toEqual(['default/a']));
  await eventually(() => clock.sleeping === 1);
  await clock.advance(10_000);
  await eventually(() => expect(seen).toHaveLength(2));
  await end();
  expect(await metric('controller_runtime_reconcile_total', { result: 'requeue_after' })).toBe(1);
  expect(await metric('controller_runtime_reconcile_total', { result: 'success' })).toBe(1);
  expect(await metric('controller_runtime_reconcile_total', { result: 'error' })).toBe(0);
});

test('retries a failure with back-off, survives a bug, and logs each with its reconcileID', async () => {
  let runs = 0;
  const { clock, controller, end, lines, metric } = controllerOf(async () => {
    runs++;
    if (runs === 1) throw new Error('the world failed');
    if (runs === 2) throw new TypeError('a bug');
    return done();
  });
  controller.queue.add('default/a');
  for (const [waitMs, expected] of [
    [5, 2],
    [10, 3],
  ] as const) {
    await eventually(() => clock.sleeping === 1);
    await clock.advance(waitMs);
    await eventually(() => expect(runs).toBe(expected));
  }
  await eventually(() => expect(controller.queue.retries('default/a')).toBe(0));
  await end();
  const failures = lines.filter((line) => line.level === 50);
  expect(failures).toMatchObject([
    { controller: 'models', reconcileID: 'run-1', object: { namespace: 'default', name: 'a' }, err: { message: 'the world failed' } },
    { panic: true, err: { message: 'a bug' } },
  ]);
  expect(await metric('controller_runtime_reconcile_errors_total')).toBe(2);
  expect(await metric('controller_runtime_reconcile_panics_total')).toBe(1);
  expect(await metric('workqueue_retries_total')).toBe(2);
});

test('a terminal error is counted and not tried again; a lost race is no error in the log', async () => {
  const errors = [new TerminalError('never'), new ApiError({ code: 409, reason: 'Conflict' })];
  const { clock, controller, end, lines, metric } = controllerOf(async () => {
    throw errors.shift() ?? new TerminalError('end');
  });
  controller.queue.add('a');
  await eventually(async () => expect(await metric('controller_runtime_terminal_reconcile_errors_total')).toBe(1));
  expect(clock.sleeping).toBe(0);
  controller.queue.add('b');
  await eventually(() => clock.sleeping === 1);
  await end();
  expect(lines.filter((line) => line.level === 50)).toMatchObject([{ terminal: true, object: { name: 'a' } }]);
});

test('runs as many keys at a time as it may, and no key twice', async () => {
  const gates = new Map<string, () => void>();
  const { controller, end, metric } = controllerOf((key) => new Promise((resolve) => gates.set(key, () => resolve(done()))), {
    concurrency: 2,
  });
  for (const key of ['a', 'b', 'c']) controller.queue.add(key);
  await eventually(() => expect([...gates.keys()]).toEqual(['a', 'b']));
  expect(await metric('controller_runtime_active_workers')).toBe(2);
  expect(await metric('controller_runtime_max_concurrent_reconciles')).toBe(2);
  controller.queue.add('a');
  gates.get('b')?.();
  await eventually(() => expect([...gates.keys()]).toEqual(['a', 'b', 'c']));
  gates.get('c')?.();
  gates.get('a')?.();
  gates.delete('a');
  await eventually(() => expect(gates.has('a')).toBe(true));
  gates.get('a')?.();
  await end();
});

test('a run that takes too long has its signal aborted, and is counted', async () => {
  const { clock, controller, end, metric } = controllerOf(
    (_key, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    { reconcileTimeoutMs: 60_000 },
  );
  controller.queue.add('a');
  await eventually(() => clock.sleeping === 1);
  await clock.advance(60_000);
  await eventually(async () => expect(await metric('controller_runtime_reconcile_timeouts_total')).toBe(1));
  await eventually(async () => expect(await metric('controller_runtime_reconcile_errors_total')).toBe(1));
  await end();
});

test('a stop lets a run finish within the grace, and aborts it then', async () => {
  const { clock, controller, stop, running, lines, metric } = controllerOf(
    (_key, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    { stopGraceMs: 5_000 },
  );
  controller.queue.add('a');
  await eventually(async () => expect(await metric('controller_runtime_active_workers')).toBe(1));
  stop.abort();
  controller.queue.add('b');
  await eventually(() => clock.sleeping === 1);
  await clock.advance(4_999);
  expect(await metric('controller_runtime_active_workers')).toBe(1);
  await clock.advance(1);
  await running;
  expect(lines.filter((line) => line.level === 50)).toEqual([]);
  expect(await metric('controller_runtime_reconcile_errors_total')).toBe(0);
});

test('waits for its sources, and ends them', async () => {
  const seen: string[] = [];
  const synced = Promise.withResolvers<void>();
  let ended = false;
  const { end } = controllerOf(
    async (key) => {
      seen.push(key);
      return done();
    },
    {
      sources: [
        {
          start(enqueue) {
            enqueue('early');
            return () => {
              ended = true;
            };
          },
          synced: () => synced.promise,
        },
      ],
    },
  );
  await new Promise(setImmediate);
  expect(seen).toEqual([]);
  synced.resolve();
  await eventually(() => expect(seen).toEqual(['early']));
  await end();
  expect(ended).toBe(true);
});

test('urgent keys do not wait for a late source, all others do', async () => {
  const seen: string[] = [];
  const synced = Promise.withResolvers<void>();
  const source = lately({
    start(enqueue) {
      enqueue('ordinary');
      return () => {};
    },
    synced: () => synced.promise,
  });
  const { controller, end } = controllerOf(
    async (key) => {
      seen.push(key);
      return done();
    },
    { sources: [source] },
  );
  controller.queue.add('urgent', true);
  await eventually(() => expect(seen).toEqual(['urgent']));
  synced.resolve();
  await eventually(() => expect(seen).toEqual(['urgent', 'ordinary']));
  await end();
});

test('a late source that fails ends the controller with its reason', async () => {
  const { running } = controllerOf(async () => done(), {
    sources: [lately({ start: () => () => {}, synced: async () => Promise.reject(new Error('broken')) })],
  });
  await expect(running).rejects.toThrow('broken');
});

test('refuses a concurrency that is none', () => {
  expect(() => new Controller({ name: 'x', reconcile: async () => done(), sources: [], concurrency: 0 })).toThrow(RangeError);
});

test('lost leadership leaves runs no grace', async () => {
  const { controller, stop, running, metric } = controllerOf(
    (_key, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  controller.queue.add('a');
  await eventually(async () => expect(await metric('controller_runtime_active_workers')).toBe(1));
  stop.abort(new LeadershipLost('gone'));
  await running; // the clock stands still
  expect(await metric('controller_runtime_reconcile_errors_total')).toBe(0);
});
