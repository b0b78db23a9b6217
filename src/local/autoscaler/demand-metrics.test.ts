import { expect, test } from 'vitest';
import type { Demand } from '../../../controllers/demand/demand.ts';
import { demandMetrics } from './demand-metrics.ts';

const { signal } = new AbortController();
const nobody = { held: 0, queued: 0, running: 0, waiting: 0, inSystem: 0, tokensInFlight: 0, ttftCount: 0 };
const nothing: Demand = { ...nobody, gateways: 1, oldestMs: 0, stale: false };
const counts: Readonly<Record<string, Partial<Demand>>> = {
  'models/qwen': { inSystem: 17, waiting: 9 },
  'models/llama': { inSystem: 3 },
  'other/qwen': { inSystem: 100 },
};
const read = demandMetrics({
  demand: { of: (model) => ({ ...nothing, ...counts[model] }) },
  deployments: (namespace) => (namespace === 'models' ? ['qwen', 'llama', 'idle'] : []),
  others: async (...request) => Promise.reject(new Error(`nobody serves ${request.slice(0, 3).join(' ')}`)),
});

test('has a series for each deployment of the namespace that the selector finds', async () => {
  expect(await read('models', 'modelfleet_requests_in_system', 'model=qwen', signal)).toEqual([17]);
  expect(await read('models', 'modelfleet_requests_waiting', 'model in (qwen,llama)', signal)).toEqual([9, 0]);
  expect(await read('models', 'modelfleet_requests_in_system', '', signal)).toEqual([17, 3, 0]);
});

test('says that a deployment which nobody calls has no requests, and nothing of one that does not exist', async () => {
  expect(await read('models', 'modelfleet_requests_in_system', 'model=idle', signal)).toEqual([0]);
  expect(await read('models', 'modelfleet_requests_in_system', 'model=gone', signal)).toEqual([]);
});

test('leaves other metrics to those who serve them', async () => {
  await expect(read('models', 'queue_length', 'a=b', signal)).rejects.toThrow('nobody serves models queue_length a=b');
});
