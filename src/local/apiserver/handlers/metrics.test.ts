import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../core/logger.ts';
import { KubeClient } from '../../../kube/index.ts';
import { customList } from '../../../metrics-api/custom-list.ts';
import { externalList } from '../../../metrics-api/external-list.ts';
import type { MetricSource } from '../../../metrics-api/source.ts';
import type { ServedMetrics } from '../context.ts';
import { type RunningApiServer, startApiServer } from '../server.ts';

const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/models/modelfleet_requests_in_system';
const described = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/models/modeldeployments.modelfleet.dev';
const at = Date.UTC(2026, 0, 1);
const source: MetricSource = {
  values: (namespace) => [
    { model: 'qwen', value: namespace === 'models' ? 17 : 0, at, stale: false },
    { model: 'lost', value: 1, at: at - 60_000, stale: true },
  ],
};
const objects = () => [
  { name: 'qwen', labels: { tier: 'gold' } },
  { name: 'lost', labels: {} },
];
const served: ServedMetrics = {
  external: (asked) => externalList(source, asked, at),
  custom: (asked) => customList(source, objects, asked, at),
};
let opened: AsyncDisposableStack;

beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function serve(metrics?: ServedMetrics): Promise<RunningApiServer> {
  const stateDir = await mkdtemp(join(tmpdir(), 'metrics-'));
  opened.defer(() => rm(stateDir, { recursive: true, force: true }));
  const server = await startApiServer({ stateDir, logger: silentLogger, ...(metrics && { metrics }) });
  opened.defer(() => server.close());
  return server;
}

async function start(metrics?: ServedMetrics): Promise<KubeClient> {
  const client = KubeClient.fromServer(await serve(metrics));
  opened.defer(() => client.close());
  return client;
}

test('answers the values of a metric, and refuses as the metrics API of a cluster does', async () => {
  const client = await start(served);
  expect(await client.request('GET', path, { query: { labelSelector: 'model=qwen' } })).toMatchObject({
    kind: 'ExternalMetricValueList',
    items: [{ metricLabels: { model: 'qwen' }, value: '17' }],
  });
  await expect(client.request('GET', `${path}_or_not`)).rejects.toMatchObject({ code: 404, message: expect.stringContaining('metric') });
  await expect(client.request('GET', path, { query: { labelSelector: 'a=b=c' } })).rejects.toMatchObject({ code: 400 });
  await expect(client.request('GET', path, { query: { labelSelector: 'model=lost' } })).rejects.toMatchObject({ code: 503 });
  await expect(client.request('DELETE', path)).rejects.toMatchObject({ code: 405 });
});

test('answers the value that describes an object, or those of all that a selector finds', async () => {
  const client = await start(served);
  const value = (name: string, query = {}) =>
    client.request('GET', `${described}/${name}/modelfleet_requests_in_system`, { query: { metricLabelSelector: 'model=qwen', ...query } });
  expect(await value('qwen')).toMatchObject({
    kind: 'MetricValueList',
    items: [{ describedObject: { kind: 'ModelDeployment', namespace: 'models', name: 'qwen' }, value: '17' }],
  });
  expect(await value('*', { labelSelector: 'tier=gold' })).toMatchObject({ items: [{ value: '17' }] });
  expect(await value('*', { labelSelector: 'tier=lead' })).toMatchObject({ items: [] });
  await expect(value('none')).rejects.toMatchObject({
    code: 404,
    message: expect.stringContaining('for modeldeployments.modelfleet.dev none'),
  });
});

test('knows nobody without the token', async () => {
  const { url, caCertificate } = await serve(served);
  const stranger = KubeClient.fromServer({ url, caCertificate, token: 'forged' });
  opened.defer(() => stranger.close());
  await expect(stranger.request('GET', path)).rejects.toMatchObject({ code: 401 });
});

test('is not there where nobody has values', async () => {
  const client = await start();
  await expect(client.request('GET', path)).rejects.toMatchObject({ code: 404 });
});
