import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ModelLine } from './line.ts';
import { GatewayMetrics } from './metrics.ts';
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

test('tells who waits by the priority of the tenants, also those whom a replica sent back', async () => {
  const line = new ModelLine(limits, () => 0.5, Date.now);
  const spec: ModelSpec = { key: 'ns/m', names: ['m'], createdAt: 0, limits, availability: 'serving' };
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
