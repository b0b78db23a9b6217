import { afterEach, beforeEach, expect, test } from 'vitest';
import { type MockWorker, startMockWorker, wholeAnswer } from '../../test/fakes/mock-worker.ts';
import { generateApiKey, hashApiKey } from '../core/api-keys.ts';
import { ConnectionError, InformerCache, KubeClient } from '../kube/index.ts';
import { FakeApiServer } from '../kube/testing/api-server.fake.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import { startGateway } from './gateway.ts';
import type { Gateway } from './serve.ts';

const key = generateApiKey();
let server: FakeApiServer;
let client: KubeClient;
let cache: InformerCache;
let running: Promise<void>;
let stop: AbortController;
let gateway: Gateway;
let worker: MockWorker;

beforeEach(async () => {
  server = await FakeApiServer.start();
  client = KubeClient.fromServer({ url: server.url });
  cache = new InformerCache(client);
  stop = new AbortController();
  running = cache.run(stop.signal);
  worker = await startMockWorker();
  gateway = await startGateway({ cache, port: 0 });
  server.put('tenants', tenant());
  await eventually(async () => (await fetch(`${gateway.url}/readyz`)).status === 200);
});

afterEach(async () => {
  await gateway.close();
  stop.abort();
  await running;
  await client.close();
  await server.close();
  await worker.close();
});

const apiVersion = 'modelfleet.dev/v1alpha1';

function tenant(keys: object[] = [{ name: 'first', hash: hashApiKey(key) }], more: object = {}) {
  return { apiVersion, kind: 'Tenant', metadata: { name: 'acme' }, spec: { keys, ...more } };
}

async function metrics(): Promise<string> {
  return (await fetch(gateway.metricsUrl)).text();
}

function deployment(more: { spec?: object; status?: object; metadata?: object } = {}) {
  return {
    apiVersion,
    kind: 'ModelDeployment',
    metadata: { name: 'smol', namespace: 'models', creationTimestamp: '2026-01-01T00:00:00Z', ...more.metadata },
    spec: { model: { source: 'file:///models/m.gguf' }, serving: { names: ['chat'], holdTimeout: '5s' }, ...more.spec },
    ...(more.status ? { status: more.status } : {}),
  };
}

function pod({ ready = true, annotations = {} }: { ready?: boolean; annotations?: object } = {}) {
  const { port } = new URL(worker.origin);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'smol-x7k2p',
      namespace: 'models',
      labels: { 'modelfleet.dev/model': 'smol' },
      annotations: { 'modelfleet.dev/ports': JSON.stringify({ http: Number(port), management: 1 }), ...annotations },
    },
    spec: { containers: [] },
    status: { podIP: '127.0.0.1', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

function ask(model = 'chat'): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, messages: [] }),
  });
}

async function code(answer: Promise<Response>): Promise<unknown> {
  return ((await (await answer).json()) as { error?: { code: string } }).error?.code;
}

test('serves a deployment through its ready pod, by every name', async () => {
  server.put('modeldeployments', deployment());
  server.put('pods', pod());
  await eventually(async () => (await ask()).status === 200);
  expect(await (await ask('models/smol')).text()).toBe(wholeAnswer('models/smol'));
});

test('holds requests until the pod is ready', async () => {
  server.put('modeldeployments', deployment());
  server.put('pods', pod({ ready: false }));
  await eventually(async () => (await metrics()).includes('ready_replicas{model="models/smol"} 0'));
  const held = ask();
  await eventually(async () => (await metrics()).includes('queue_length{model="models/smol"} 1'));
  server.put('pods', pod());
  expect((await held).status).toBe(200);
});

test('a pod that drains gets nothing new', async () => {
  server.put('modeldeployments', deployment({ spec: { serving: { names: ['chat'], holdTimeout: '10ms' } } }));
  server.put('pods', pod());
  await eventually(async () => (await ask()).status === 200);
  server.put('pods', pod({ annotations: { 'modelfleet.dev/draining': 'true' } }));
  await eventually(async () => (await code(ask())) === 'model_loading');
});

test('asks for an adapter only at pods that say that they have it', async () => {
  const model = { source: 'hf://a/b', adapters: [{ name: 'sql', source: 'hf://a/sql' }] };
  server.put('modeldeployments', deployment({ spec: { model, serving: { names: ['chat'], queueTimeout: '10ms' } } }));
  server.put('pods', pod());
  await eventually(async () => (await ask()).status === 200);
  expect(await code(ask('chat:sql'))).toBe('queue_timeout');
  server.put('pods', pod({ annotations: { 'modelfleet.dev/adapters': 'law,sql' } }));
  await eventually(async () => (await ask('chat:sql')).status === 200);
});

test.each([
  ['is suspended', { spec: { suspend: true } }],
  ['cannot load', { status: { conditions: [{ type: 'Progressing', status: 'False', reason: 'ChecksumMismatch', message: '' }] } }],
  ['is scaled to zero by hand', { spec: { replicas: 0 }, status: { observedGeneration: 1 } }],
  ['is not valid', { status: { conditions: [{ type: 'Accepted', status: 'False', reason: 'Invalid', message: '' }] } }],
])('says at once that a model which %s is unavailable', async (_, change) => {
  server.put('modeldeployments', deployment(change));
  await eventually(async () => (await code(ask())) === 'model_unavailable');
});

test.each([
  ['is asleep', { metadata: { annotations: { 'modelfleet.dev/asleep': '2026-01-01T00:00:00Z' } }, status: { observedGeneration: 1 } }],
  ['begins without replicas', {}],
])('holds requests for a model that %s, and refuses them once its zero is somebody’s wish', async (_, change) => {
  const spec = { replicas: 0, scaling: { minReplicas: 0, maxReplicas: 2 }, serving: { names: ['chat'] } };
  server.put('modeldeployments', deployment({ spec, ...change }));
  await eventually(async () => (await metrics()).includes('ready_replicas{model="models/smol"} 0'));
  const held = ask();
  await eventually(async () => (await metrics()).includes('queue_length{model="models/smol"} 1'));
  server.put('modeldeployments', deployment({ spec, status: { observedGeneration: 2 } }));
  const answer = await held;
  expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('kubectl scale mdep/smol -n models --replicas=1')]);
});

test('holds requests while a replica waits for a node: one may be added for it', async () => {
  const conditions = [{ type: 'Progressing', status: 'False', reason: 'Unschedulable', message: '' }];
  const replicaStatuses = [{ name: 'smol-1', phase: 'Pending', reason: 'Unschedulable' }];
  server.put('modeldeployments', deployment({ status: { conditions, replicaStatuses } }));
  await eventually(async () => (await metrics()).includes('ready_replicas{model="models/smol"} 0'));
  const held = ask();
  await eventually(async () => (await metrics()).includes('queue_length{model="models/smol"} 1'));
  server.put('pods', pod());
  expect((await held).status).toBe(200);
});

test('holds requests while one replica loads without trouble, though another failed', async () => {
  const conditions = [{ type: 'Progressing', status: 'False', reason: 'DeviceOutOfMemory', message: '' }];
  const failed = { name: 'smol-1', phase: 'Failed', reason: 'DeviceOutOfMemory' };
  const replicaStatuses = [failed, { name: 'smol-2', phase: 'LoadingWeights' }];
  server.put('modeldeployments', deployment({ status: { conditions, replicaStatuses } }));
  await eventually(async () => (await metrics()).includes('ready_replicas{model="models/smol"} 0'));
  const held = ask();
  await eventually(async () => (await metrics()).includes('queue_length{model="models/smol"} 1'));
  server.put('modeldeployments', deployment({ status: { conditions, replicaStatuses: [failed, { ...failed, name: 'smol-2' }] } }));
  expect(await code(held)).toBe('model_unavailable');
});

test('tells when a loading model is expected', async () => {
  const loading = { phase: 'LoadingWeights', percent: 10, etaSeconds: 17 };
  const serving = { names: ['chat'], holdTimeout: '10ms' };
  server.put('modeldeployments', deployment({ spec: { serving }, status: { loading } }));
  await eventually(async () => (await ask()).headers.get('retry-after') === '17');
});

test('a deleted deployment and a revoked key act at once', async () => {
  server.put('modeldeployments', deployment());
  server.put('pods', pod());
  await eventually(async () => (await ask()).status === 200);
  server.put('modeldeployments', deployment({ metadata: { deletionTimestamp: '2026-01-02T00:00:00Z' } }));
  await eventually(async () => (await code(ask())) === 'model_not_found');
  server.put('tenants', tenant([]));
  await eventually(async () => (await code(ask())) === 'invalid_api_key');
});

test('limits and models of a tenant act at once, and so does their end', async () => {
  server.put('modeldeployments', deployment({ metadata: { labels: { tier: 'free' } } }));
  server.put('pods', pod());
  await eventually(async () => (await ask()).status === 200);
  server.put('tenants', tenant(undefined, { limits: { requestsPerMinute: 1 } }));
  await eventually(async () => (await code(ask())) === 'rate_limit_exceeded');
  server.put('tenants', tenant(undefined, { models: { selector: { matchLabels: { tier: 'paid' } } } }));
  await eventually(async () => (await code(ask())) === 'model_not_found');
  server.put('tenants', tenant(undefined, { models: { selector: { matchLabels: { tier: 'free' } } } }));
  await eventually(async () => (await ask()).status === 200);
});

test('a pod of the same name with another UID is another replica', async () => {
  server.put('modeldeployments', deployment());
  server.put('pods', pod());
  await eventually(async () => (await ask()).status === 200);
  server.put('pods', pod(), true);
  server.put('tenants', tenant([]));
  // Once the later change has arrived, the earlier one has too or soon will: there is still one replica, not two.
  await eventually(async () => (await ask()).status === 401);
  await eventually(async () => (await metrics()).includes('ready_replicas{model="models/smol"} 1'));
});

test('stays ready and serves on when the API server is gone, and catches up when it is back', async () => {
  server.put('modeldeployments', deployment());
  server.put('pods', pod());
  await eventually(async () => (await ask()).status === 200);
  const port = Number(new URL(server.url).port);
  await server.halt();
  await expect(client.request('GET', '/version')).rejects.toThrow(ConnectionError);
  for (const url of [`${gateway.url}/readyz`, new URL('/readyz', gateway.metricsUrl).href]) expect((await fetch(url)).status).toBe(200);
  expect((await ask()).status).toBe(200);

  server.put('modeldeployments', deployment({ spec: { serving: { names: ['renamed'] } } }));
  server.compact(); // it has restarted: the watches must begin anew
  await server.resume(port);
  await eventually(async () => (await ask('renamed')).status === 200);
  expect(await code(ask())).toBe('model_not_found');
});

test('says what it waits for until the cluster has been read once', async () => {
  const { url } = server;
  await server.halt();
  const ownClient = KubeClient.fromServer({ url });
  const ownCache = new InformerCache(ownClient);
  const ownStop = new AbortController();
  const own = await startGateway({ cache: ownCache, port: 0 });
  const ownRunning = ownCache.run(ownStop.signal);
  const readyz = new URL('/readyz', own.metricsUrl);
  await eventually(async () => {
    const answer = await fetch(readyz);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toMatch(/^(waits for (modeldeployments|pods|tenants)[.a-z]* \(GET .*ECONNREFUSED.*\n){3}$/);
  });
  expect((await fetch(new URL('/healthz', own.metricsUrl))).status).toBe(200);
  await server.resume(Number(new URL(url).port));
  await eventually(async () => (await fetch(readyz)).status === 200);
  await own.close();
  ownStop.abort();
  await ownRunning;
  await ownClient.close();
});

test('goes on with what it knows while watches break, and catches up', async () => {
  server.put('modeldeployments', deployment());
  server.put('pods', pod());
  await eventually(async () => (await ask()).status === 200);
  server.cutWatches();
  expect((await ask()).status).toBe(200);
  server.put('modeldeployments', deployment({ spec: { serving: { names: ['renamed'] } } }));
  await eventually(async () => (await ask('renamed')).status === 200);
});
