import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { configMaps, KubeClient } from '../../src/kube/index.ts';
import { cpuMicros, startProgram } from './processes.ts';
import { printReport, quantile, round } from './report.ts';

// 1,000 objects created in the embedded API server (each synced to disk before it is acknowledged) while 10 watchers follow.

const objects = 1_000;
const watchers = 10;
const writers = 16;

const server = await startProgram('programs/api-server.ts');
const address = z.object({ url: z.string(), token: z.string(), caCertificate: z.string() }).parse(JSON.parse(server.address));
const client = KubeClient.fromServer(address);
const stop = new AbortController();
const sentAt = new Map<string, number>();
const delaysMs: number[] = [];
let watching = 0;

const { resourceVersion } = await client.list(configMaps, { namespace: 'default' });
const watches = Array.from({ length: watchers }, watch);
while (watching < watchers) await sleep(10);

const cpuBefore = await cpuMicros(server.pid);
const began = performance.now();
let next = 0;
await Promise.all(
  Array.from({ length: writers }, async () => {
    while (next < objects) {
      const name = `object-${next++}`;
      sentAt.set(name, performance.now());
      await client.create(configMaps, { metadata: { name, namespace: 'default' }, data: { text: 'x'.repeat(500) } });
    }
  }),
);
const createSeconds = (performance.now() - began) / 1000;
while (delaysMs.length < objects * watchers) await sleep(5);
const watchSeconds = (performance.now() - began) / 1000;
const cpuPerObject = ((await cpuMicros(server.pid)) - cpuBefore) / objects;

stop.abort();
await Promise.allSettled(watches);
await client.close();
await server.stop();

const results = {
  objects,
  watchers,
  createsPerSecond: objects / createSeconds,
  events: delaysMs.length,
  eventsPerSecond: delaysMs.length / watchSeconds,
  createToEventP50Ms: quantile(delaysMs, 0.5),
  createToEventP99Ms: quantile(delaysMs, 0.99),
  serverCpuMicrosPerObject: cpuPerObject,
};
printReport({
  title: 'apiserver',
  columns: ['objects', 'watchers', 'creates/s', 'events', 'events/s', 'create to event p50 ms', 'p99 ms', 'server CPU µs/object'],
  rows: [
    [
      objects,
      watchers,
      round(results.createsPerSecond, 0),
      results.events,
      round(results.eventsPerSecond, 0),
      round(results.createToEventP50Ms),
      round(results.createToEventP99Ms),
      round(cpuPerObject, 0),
    ],
  ],
  results,
});

async function watch(): Promise<void> {
  const events = client.watch(configMaps, { namespace: 'default', resourceVersion }, stop.signal);
  watching += 1;
  for await (const event of events) {
    if (event.type !== 'ADDED') continue;
    const sent = sentAt.get(event.object.metadata.name);
    if (sent !== undefined) delaysMs.push(performance.now() - sent);
  }
}
