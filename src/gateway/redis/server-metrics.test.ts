import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { exportServers } from './server-metrics.ts';

const values = async (registry: Registry) => (await registry.metrics()).split('\n').filter((line) => line.startsWith('modelfleet'));

test('tells of each server whether it is there now', async () => {
  const registry = new Registry();
  const cache = { usable: true };
  const stream = { usable: false };
  exportServers(registry, cache, stream);
  expect(await values(registry)).toEqual(['modelfleet_gateway_cache_connected 1', 'modelfleet_gateway_usage_stream_connected 0']);
  cache.usable = false;
  stream.usable = true;
  expect(await values(registry)).toEqual(['modelfleet_gateway_cache_connected 0', 'modelfleet_gateway_usage_stream_connected 1']);
});

test('says nothing of a server that nobody asked for', async () => {
  const registry = new Registry();
  exportServers(registry, {}, undefined);
  expect(await values(registry)).toEqual([]);
});
