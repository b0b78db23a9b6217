import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ModelLine } from './line.ts';
import { type Finished, GatewayMetrics } from './metrics.ts';
import type { ModelSpec } from './ports.ts';
import { patient } from './testing/terms.fake.ts';

const limits = {
  maxConcurrencyPerReplica: 1,
  maxQueue: 50,
  queueTimeoutMs: 60_000,
  holdTimeoutMs: 60_000,
  firstTokenTimeoutMs: 1_000,
  idleStreamTimeoutMs: 1_000,
  requestTimeoutMs: 60_000,
};

const spec: ModelSpec = { key: 'ns/m', names: ['m'], createdAt: 0, limits, availability: 'serving' };
const newLine = () => new ModelLine(limits, () => 0.5, Date.now);

/** One that arrived at 1,000 and got no further, but for what is said of it. */
function exchange(more: Partial<Finished>): Finished {
  return {
    model: { spec, line: newLine() },
    outcome: 0,
    arrivedAt: 1_000,
    leasedAt: undefined,
    firstByteAt: undefined,
    cache: undefined,
    place: undefined,
    retries: 0,
    ...more,
  };
}

test('tells who waits by the priority of the tenants, also those whom a replica sent back', async () => {
  const line = newLine();
  const registry = new Registry();
  new GatewayMetrics(registry, { find: () => undefined, served: () => [], all: () => [{ spec, line }] });
  const lengths = async () =>
    (await registry.getSingleMetricAsString('modelfleet_gateway_queue_priority_length')).split('\n').filter((row) => !row.startsWith('#'));
  expect(await lengths()).toEqual([]);

  const places = [
    line.join(patient(60_000, 0, { priority: 0 })),
    line.join(patient(60_000, 0, { priority: 5 })),
    line.join(patient(60_000, 0, { priority: 5 })),
    line.rejoin(patient(60_000, 0, { priority: 5 }), new Map()),
  ];
  const row = (priority: number, length: number) =>
    `modelfleet_gateway_queue_priority_length{model="ns/m",priority="${priority}"} ${length}`;
  expect(await lengths()).toEqual([row(5, 3), row(0, 1)]);
  places[0]?.leave('overdue');
  expect(await lengths()).toEqual([row(5, 3), row(0, 0)]);
  for (const place of places) place.leave('overdue');
});

test('counts an exchange by its deployment until that is gone, and then as unknown', async () => {
  const there = new Map([['ns/m', { spec, line: newLine() }]]);
  const registry = new Registry();
  const metrics = new GatewayMetrics(registry, { find: (name) => there.get(name), served: () => [], all: () => [] });
  const lines = async () => (await registry.metrics()).split('\n').filter((line) => /^[^#]/.test(line) && !line.includes('_bucket'));

  metrics.record(exchange({ outcome: 200, leasedAt: 1_250, firstByteAt: 1_500, cache: 'miss', retries: 2 }), 3_000);
  metrics.record(exchange({ outcome: 404, model: undefined }), 3_000);
  expect(await lines()).toEqual([
    'modelfleet_gateway_requests_total{model="ns/m",code="200"} 1',
    'modelfleet_gateway_requests_total{model="unknown",code="404"} 1',
    'modelfleet_gateway_upstream_retries_total{model="ns/m"} 2',
    'modelfleet_gateway_queue_wait_seconds_sum{model="ns/m"} 0.25',
    'modelfleet_gateway_queue_wait_seconds_count{model="ns/m"} 1',
    'modelfleet_gateway_first_byte_seconds_sum{model="ns/m"} 0.5',
    'modelfleet_gateway_first_byte_seconds_count{model="ns/m"} 1',
    'modelfleet_gateway_request_duration_seconds_sum{model="ns/m"} 2',
    'modelfleet_gateway_request_duration_seconds_count{model="ns/m"} 1',
    'modelfleet_gateway_cache_requests_total{model="ns/m",result="miss"} 1',
  ]);

  there.clear();
  metrics.record(exchange({ outcome: 200 }), 3_000);
  expect(await lines()).toEqual([
    'modelfleet_gateway_requests_total{model="unknown",code="404"} 1',
    'modelfleet_gateway_requests_total{model="unknown",code="200"} 1',
  ]);
});
