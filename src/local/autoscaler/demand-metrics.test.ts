import { expect, test } from 'vitest';
import type { Demand } from '../../../controllers/demand/demand.ts';
import { WorkerReports } from '../../../controllers/demand/worker-reports.ts';
import { FakeClock } from '../../core/fake-clock.ts';
import { demandMetrics } from './demand-metrics.ts';

const { signal } = new AbortController();
const nobody = { held: 0, queued: 0, running: 0, waiting: 0, inSystem: 0, tokensInFlight: 0, ttftCount: 0 };
const nothing: Demand = { ...nobody, gateways: 1, oldestMs: 0, stale: false };
const counts: Readonly<Record<string, Partial<Demand>>> = {
  'models/qwen': { inSystem: 17, waiting: 9, tokensInFlight: 400, ttftMillis: 250 },
  'models/llama': { inSystem: 3 },
  'other/qwen': { inSystem: 100 },
};
const clock = new FakeClock();
const reports = new WorkerReports(clock);
reports.told('models/llama', 'a', { phase: 'Ready', inFlight: 1, waiting: 3, kvCacheUsage: 0.5 });
const read = demandMetrics({
  reports,
  demand: { of: (model) => ({ ...nothing, ...counts[model] }) },
  deployments: (namespace) =>
    (namespace === 'models' ? ['qwen', 'llama', 'idle'] : []).map((name) => ({ name, ready: name === 'idle' ? 0 : 1 })),
  others: async (...request) => Promise.reject(new Error(`nobody serves ${request.slice(0, 3).join(' ')}`)),
});

test('has a series for each deployment of the namespace that the selector finds', async () => {
  expect(await read('models', 'modelfleet_requests_in_system', 'model=qwen', signal)).toEqual([17]);
  expect(await read('models', 'modelfleet_requests_waiting', 'model in (qwen,llama)', signal)).toEqual([9, 3]);
  expect(await read('models', 'modelfleet_requests_in_system', '', signal)).toEqual([17, 4, 0]);
});

test('tells tokens, first tokens and the use of the KV cache, this one of those whose workers tell it', async () => {
  expect(await read('models', 'modelfleet_tokens_in_flight', 'model=qwen', signal)).toEqual([400]);
  expect(await read('models', 'modelfleet_time_to_first_token_seconds', 'model=qwen', signal)).toEqual([0.25]);
  expect(await read('models', 'modelfleet_kv_cache_usage', '', signal)).toEqual([0.5, 0]);
  await clock.advance(31_000);
  expect(await read('models', 'modelfleet_kv_cache_usage', '', signal)).toEqual([0]);
});

test('says that a deployment which nobody calls has no requests, and nothing of one that does not exist', async () => {
  expect(await read('models', 'modelfleet_requests_in_system', 'model=idle', signal)).toEqual([0]);
  expect(await read('models', 'modelfleet_requests_in_system', 'model=gone', signal)).toEqual([]);
});

test('leaves other metrics to those who serve them', async () => {
  await expect(read('models', 'queue_length', 'a=b', signal)).rejects.toThrow('nobody serves models queue_length a=b');
});
