import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../core/logger.ts';
import { KubeClient } from '../../../kube/index.ts';
import { externalList } from '../../../metrics-api/external-list.ts';
import type { MetricSource } from '../../../metrics-api/source.ts';
import type { ExternalMetrics } from '../context.ts';
import { startApiServer } from '../server.ts';

const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/models/modelfleet_requests_in_system';
const at = Date.UTC(2026, 0, 1);
const source: MetricSource = {
  values: (namespace) => [
    { model: 'qwen', value: namespace === 'models' ? 17 : 0, at, stale: false },
    { model: 'lost', value: 1, at: at - 60_000, stale: true },
  ],
};
let opened: AsyncDisposableStack;

beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function start(externalMetrics?: ExternalMetrics): Promise<KubeClient> {
  const stateDir = await mkdtemp(join(tmpdir(), 'external-metrics-'));
  opened.defer(() => rm(stateDir, { recursive: true, force: true }));
  const server = await startApiServer({ stateDir, logger: silentLogger, ...(externalMetrics && { externalMetrics }) });
  opened.defer(() => server.close());
  const client = KubeClient.fromServer(server);
  opened.defer(() => client.close());
  return client;
}

test('answers the values of a metric, and refuses as the metrics API of a cluster does', async () => {
  const client = await start((query) => externalList(source, query, at));
  expect(await client.request('GET', path, { query: { labelSelector: 'model=qwen' } })).toMatchObject({
    kind: 'ExternalMetricValueList',
    items: [{ metricLabels: { model: 'qwen' }, value: '17' }],
  });
  await expect(client.request('GET', `${path}_or_not`)).rejects.toMatchObject({ code: 404, message: expect.stringContaining('metric') });
  await expect(client.request('GET', path, { query: { labelSelector: 'a=b=c' } })).rejects.toMatchObject({ code: 400 });
  await expect(client.request('GET', path, { query: { labelSelector: 'model=lost' } })).rejects.toMatchObject({ code: 503 });
  await expect(client.request('DELETE', path)).rejects.toMatchObject({ code: 405 });
});

test('is not there where nobody has values', async () => {
  const client = await start();
  await expect(client.request('GET', path)).rejects.toMatchObject({ code: 404 });
});
