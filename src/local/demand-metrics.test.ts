import { beforeEach, expect, test } from 'vitest';
import { type Demand, demandFor, type Part, sumDemand } from '../../controllers/demand/demand.ts';
import { WorkerReports } from '../../controllers/demand/worker-reports.ts';
import { metricNames } from '../api/fleet-metrics.ts';
import { FakeClock } from '../core/fake-clock.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import { DemandMetrics } from './demand-metrics.ts';

const metric = 'modelfleet_requests_in_system';
let clock: FakeClock;
let parts: Part[];
let reports: WorkerReports;
let metrics: DemandMetrics;
let ready: number;

beforeEach(() => {
  clock = new FakeClock();
  parts = [];
  ready = 1;
  const demand = {
    of: (model: string): Demand => demandFor(model, parts, clock.now()),
    all: () => sumDemand(parts, clock.now()),
  };
  reports = new WorkerReports(clock);
  const names = (namespace: string) => (namespace === 'models' ? ['busy', 'idle'] : []);
  metrics = new DemandMetrics({
    demand,
    reports,
    deployments: { in: names, ready: (namespace, name) => (names(namespace).includes(name) ? ready : undefined) },
    clock,
  });
});

/** A gateway that is heard now. */
function gateway(running: number, queued = 0): Part {
  const now = clock.now();
  return { ready: true, since: now, heardAt: now, models: new Map([['models/busy', { held: 0, queued, running }]]) };
}

/** Runs it while time passes, without a word from the gateways. */
async function pass(ms: number): Promise<void> {
  const stop = new AbortController();
  const running = metrics.run(stop.signal);
  await clock.advance(ms);
  stop.abort();
  await running;
}

test('adds up what the gateways count, and knows that the others have none', () => {
  parts = [gateway(3, 2), gateway(4)];
  const at = clock.now();
  expect(metrics.values('models', metric)).toEqual([
    { model: 'busy', value: 9, at, stale: false },
    { model: 'idle', value: 0, at, stale: false },
  ]);
  expect(metrics.values('models', 'modelfleet_requests_waiting', 'busy')).toEqual([{ model: 'busy', value: 2, at, stale: false }]);
});

test('every metric of a model is told', () => {
  const now = clock.now();
  const counts = { held: 1, queued: 2, running: 3, tokensInFlight: 4_000, ttftMillis: 1_500, ttftCount: 5 };
  parts = [{ ready: true, since: now, heardAt: now, models: new Map([['models/busy', counts]]) }];
  reports.told('models/busy', 'a', { phase: 'Ready', inFlight: 4, waiting: 1, kvCacheUsage: 0.8 });
  const told = metricNames.flatMap((name) => metrics.values('models', name, 'busy').map(({ value }) => [name, value]));
  expect(Object.fromEntries(told)).toEqual({
    modelfleet_requests_in_system: 6,
    modelfleet_requests_waiting: 4,
    modelfleet_tokens_in_flight: 4_000,
    modelfleet_time_to_first_token_seconds: 1.5,
    modelfleet_kv_cache_usage: 0.8,
  });
});

test('what workers have beyond the view of the gateways counts', () => {
  parts = [gateway(3)];
  reports.told('models/busy', 'a', { phase: 'Ready', inFlight: 4, waiting: 1 });
  expect(metrics.values('models', metric, 'busy')).toMatchObject([{ value: 5, stale: false }]);
});

test('the use of the KV cache is known without a gateway, and stale by itself', async () => {
  const at = clock.now();
  reports.told('models/busy', 'a', { phase: 'Ready', inFlight: 4, waiting: 1, kvCacheUsage: 0.8 });
  const usage = () => metrics.values('models', 'modelfleet_kv_cache_usage');
  expect(usage()).toEqual([{ model: 'busy', value: 0.8, at, stale: false }]);
  await clock.advance(31_000);
  parts = [gateway(3)];
  expect(usage()).toEqual([{ model: 'busy', value: 0.8, at, stale: true }]);
  ready = 0;
  expect(metrics.values('models', 'modelfleet_kv_cache_usage', 'busy')).toMatchObject([{ value: 0, stale: false }]);
});

test('where nothing is loaded no KV cache is used, and where nobody tells it nothing is known', () => {
  ready = 0;
  expect(metrics.values('models', 'modelfleet_kv_cache_usage', 'busy')).toMatchObject([{ value: 0, stale: false }]);
  ready = 1;
  expect(metrics.values('models', 'modelfleet_kv_cache_usage', 'busy')).toEqual([]);
});

test('knows only deployments of the namespace', () => {
  parts = [gateway(3)];
  expect(metrics.values('elsewhere', metric)).toEqual([]);
  expect(metrics.values('models', metric, 'gone')).toEqual([]);
});

test('without a word from any gateway nothing is known', async () => {
  await pass(2_000);
  expect(metrics.values('models', metric)).toEqual([]);
  parts = [{ ready: true, since: clock.now(), models: new Map() }];
  expect(metrics.values('models', metric)).toEqual([]);
});

test('a gateway that is no longer heard takes nothing from the last whole value', async () => {
  parts = [gateway(3), gateway(5)];
  const at = clock.now();
  await pass(1);
  await clock.advance(4_000);
  parts = [gateway(2), ...parts.slice(1)];
  await pass(1);
  expect(metrics.values('models', metric, 'busy')).toEqual([{ model: 'busy', value: 8, at, stale: true }]);

  parts = [gateway(11), ...parts.slice(1)];
  expect(metrics.values('models', metric, 'busy')).toEqual([{ model: 'busy', value: 11, at, stale: true }]);
});

test('callers who come back through another gateway after theirs crashed count once', async () => {
  parts = [gateway(12), gateway(12)];
  await pass(1);
  const value = () => metrics.values('models', metric, 'busy');
  const crashed: Part = { ...gateway(12), broken: true };
  parts = [crashed, gateway(12)];
  expect(value()).toMatchObject([{ value: 24, stale: true }]);
  parts = [crashed, gateway(24)];
  expect(value()).toMatchObject([{ value: 24, stale: true }]);
  await pass(2_000); // what is not whole is not remembered
  parts = [{ ...crashed, ready: false }, gateway(24)];
  expect(value()).toMatchObject([{ value: 24, stale: false }]);
  parts = [gateway(0), gateway(24)];
  expect(value()).toMatchObject([{ value: 24, stale: false }]);
});

test('a gateway that is gone for good no longer counts', async () => {
  parts = [gateway(3), gateway(5)];
  await pass(1);
  parts = [gateway(3)];
  expect(metrics.values('models', metric, 'busy')).toMatchObject([{ value: 3, stale: false }]);
});

test('remembers until it is stopped', async () => {
  const stop = new AbortController();
  const running = metrics.run(stop.signal);
  await eventually(() => clock.sleeping === 1);
  parts = [gateway(6)];
  await clock.advance(1_000);
  parts = [];
  expect(metrics.values('models', metric, 'busy')).toMatchObject([{ value: 6, stale: true }]);
  stop.abort();
  await running;
});
