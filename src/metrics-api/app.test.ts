import { readFile } from 'node:fs/promises';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { metricNames } from '../api/fleet-metrics.ts';
import { FakeClock } from '../core/fake-clock.ts';
import { isJsonObject } from '../core/json.ts';
import { silentLogger } from '../core/logger.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import { metricsApp } from './app.ts';
import { Authenticator } from './authenticator.ts';
import type { Identity } from './certificates/identity.ts';
import { takeStep } from './certificates/make.ts';
import { aggregatedType } from './negotiation.ts';
import { RequestMetrics } from './request-metrics.ts';
import type { Sample } from './source.ts';
import { type Asker, ask } from './testing/ask.fake.ts';
import { makeAuthority, makeClient, type Pair, trustData } from './testing/pki.fake.ts';
import { serveTls, type TlsServer } from './tls-server.ts';
import { readTrust, type Trust } from './trust.ts';
import type { Access, User } from './user.ts';

const host = 'metrics.modelfleet.svc';
const external = '/apis/external.metrics.k8s.io/v1beta1';
const custom = '/apis/custom.metrics.k8s.io/v1beta2';
const metric = 'modelfleet_requests_in_system';
const now = Date.UTC(2026, 0, 1, 12, 0, 0, 250);

const kedaExample = new URL('../../docs/examples/autoscaling/keda-scaledobject-metrics-api.yaml', import.meta.url);
const kedaScaledObject = z.object({
  kind: z.literal('ScaledObject'),
  spec: z.object({ triggers: z.tuple([z.object({ metadata: z.object({ url: z.string(), valueLocation: z.string() }) })]) }),
});

let clients: Pair;
let proxies: Pair;
let proxy: Pair;
let trust: Trust;
let identity: Identity;
let server: TlsServer;
let samples: Sample[];
const registry = new Registry();
let fails: Error | undefined;
const reviewed: [User, Access][] = [];

beforeAll(async () => {
  [clients, proxies, identity] = await Promise.all([
    makeAuthority('clients'),
    makeAuthority('proxies'),
    takeStep('all', undefined, [host], Date.now()),
  ]);
  proxy = await makeClient(proxies, 'front-proxy-client');
  trust = readTrust(trustData(clients, proxies));
  const logger = silentLogger;
  const authenticator = new Authenticator({ trust: () => trust, reviewToken: async () => undefined, clock: new FakeClock(Date.now()) });
  const app = metricsApp({
    authenticator,
    reviews: {
      mayRead: async (user, access) => {
        reviewed.push([user, access]);
        return { allowed: user.name !== 'stranger', reason: '' };
      },
    },
    source: {
      values: () => {
        if (fails) throw fails;
        return samples;
      },
    },
    objects: () => [
      { name: 'qwen', labels: { team: 'a' } },
      { name: 'gemma', labels: { team: 'b' } },
      { name: 'asleep', labels: { team: 'a' } },
    ],
    requests: new RequestMetrics(registry),
    clock: new FakeClock(now),
    logger,
  });
  const ca = [clients.certificate, proxies.certificate];
  const material = { cert: identity.certificate, key: identity.key, ca };
  server = await serveTls({ host: '127.0.0.1', port: 0, flag: '--port' }, material, app, { clock: new FakeClock(), logger });
});

afterAll(() => server?.close());

beforeEach(() => {
  reviewed.length = 0;
  fails = undefined;
  samples = [
    { model: 'qwen', value: 17, at: now - 1_000, stale: false },
    { model: 'gemma', value: 1.5, at: now, stale: false },
  ];
});

const hpa = {
  'x-remote-user': 'system:serviceaccount:kube-system:horizontal-pod-autoscaler',
  'x-remote-group': ['system:serviceaccounts'],
};

/** As the API server passes on what the autoscaler asks. */
const get = (path: string, more: Partial<Asker> = {}) =>
  ask(server.port, host, path, { ca: identity.authorities.join('\n'), pair: proxy, headers: hpa, ...more });

test('an autoscaler finds the values of a namespace by name and labels', async () => {
  const answer = await get(`${external}/namespaces/models/${metric}?labelSelector=model%3Dqwen`);
  expect(answer).toMatchObject({ code: 200, type: 'application/json' });
  expect(answer.body).toEqual({
    kind: 'ExternalMetricValueList',
    apiVersion: 'external.metrics.k8s.io/v1beta1',
    metadata: {},
    items: [{ metricName: metric, metricLabels: { model: 'qwen' }, timestamp: '2026-01-01T11:59:59Z', value: '17' }],
  });
  expect(reviewed).toEqual([
    [
      expect.objectContaining({ name: hpa['x-remote-user'], groups: ['system:serviceaccounts', 'system:authenticated'] }),
      { verb: 'list', group: 'external.metrics.k8s.io', version: 'v1beta1', namespace: 'models', resource: metric },
    ],
  ]);
});

test('and those of one object, or of several by their labels', async () => {
  const path = `${custom}/namespaces/models/modeldeployments.modelfleet.dev`;
  const item = {
    describedObject: { kind: 'ModelDeployment', namespace: 'models', name: 'gemma', apiVersion: 'modelfleet.dev/v1alpha1' },
    metric: { name: metric },
    timestamp: '2026-01-01T12:00:00Z',
    value: '1500m',
  };
  expect((await get(`${path}/gemma/${metric}`)).body).toEqual({
    kind: 'MetricValueList',
    apiVersion: 'custom.metrics.k8s.io/v1beta2',
    metadata: {},
    items: [item],
  });
  const nameOf = { describedObject: { name: 'qwen' } };
  expect((await get(`${path}/*/${metric}?labelSelector=team+in+(a,c)`)).body).toMatchObject({ items: [nameOf] });
  expect((await get(`${path}/*/${metric}?metricLabelSelector=model%21%3Dgemma`)).body).toMatchObject({ items: [nameOf] });
  expect(reviewed[0]?.[1]).toEqual({
    verb: 'get',
    group: 'custom.metrics.k8s.io',
    version: 'v1beta2',
    namespace: 'models',
    resource: 'modeldeployments.modelfleet.dev',
    subresource: metric,
    name: 'gemma',
  });
});

test('what the example for KEDA asks is answered with a number that it can read', async () => {
  const documents = parseAllDocuments(await readFile(kedaExample, 'utf8'));
  const objects: unknown[] = documents.map((document) => document.toJS());
  const { spec } = kedaScaledObject.parse(objects.at(-1));
  const { url, valueLocation } = spec.triggers[0].metadata;
  samples = [{ model: 'qwen3-4b', value: 17, at: now, stale: false }];
  const { pathname } = new URL(url);
  const { code, body } = await get(pathname);
  expect(code).toBe(200);
  // A path of GJSON, to a number or a quantity.
  const found = valueLocation.split('.').reduce<unknown>((value, step) => Reflect.get(Object(value), step), body);
  expect(found).toBe('17');
  const [, , role] = objects;
  const { group = '', resource, subresource } = reviewed[0]?.[1] ?? {};
  expect(role).toMatchObject({ rules: [{ apiGroups: [group], resources: [`${resource}/${subresource}`], verbs: ['get'] }] });
});

test('nothing selected is an empty list, an object without a value is not found', async () => {
  expect((await get(`${external}/namespaces/models/${metric}?labelSelector=model%3Dnone`)).body).toMatchObject({ items: [] });
  expect(await get(`${custom}/namespaces/models/modeldeployments.modelfleet.dev/asleep/${metric}`)).toMatchObject({
    code: 404,
    body: { reason: 'NotFound', message: `the server could not find the metric ${metric} for modeldeployments.modelfleet.dev asleep` },
  });
});

test('a value that has been lost for too long is told as such', async () => {
  samples = [{ model: 'qwen', value: 17, at: now - 60_000, stale: true }];
  const answer = await get(`${external}/namespaces/models/${metric}`);
  expect(answer).toMatchObject({ code: 503, body: { kind: 'Status', reason: 'ServiceUnavailable' } });
  // With it an autoscaler would wait for all of ten more tries.
  expect(answer.headers).not.toHaveProperty('retry-after');
});

test.each([
  ['an unknown metric', `${external}/namespaces/models/other`, 404, 'the server could not find the metric other'],
  ['another path', `${external}/nodes`, 404, 'the server could not find the requested resource'],
  ['a bad selector', `${external}/namespaces/models/${metric}?labelSelector=a%3Db%3Dc`, 400, 'is not a label value'],
  ['a selector twice', `${external}/namespaces/models/${metric}?labelSelector=a&labelSelector=b`, 400, 'more than once'],
  ['a path that is not well encoded', `${external}/namespaces/%E0/${metric}`, 400, 'decode'],
])('%s is refused as Kubernetes does', async (_what, path, code, message) => {
  expect(await get(path)).toMatchObject({
    code,
    type: 'application/json',
    body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message: expect.stringContaining(message) },
  });
});

test('who may not is told what', async () => {
  expect(await get(`${external}/namespaces/models/${metric}`, { headers: { ...hpa, 'x-remote-user': 'stranger' } })).toMatchObject({
    code: 403,
    body: {
      reason: 'Forbidden',
      message: `${metric}.external.metrics.k8s.io is forbidden: User "stranger" cannot list resource "${metric}" in API group "external.metrics.k8s.io" in the namespace "models"`,
    },
  });
});

test('forged headers, certificates of strangers and no credentials at all are refused', async () => {
  const path = `${external}/namespaces/models/${metric}`;
  const strangers = await makeAuthority('proxies');
  const refused = { code: 401, body: { reason: 'Unauthorized' }, headers: { connection: 'close' } };
  expect(await get(path, { pair: undefined })).toMatchObject(refused);
  expect(await get(path, { pair: undefined, headers: {} })).toMatchObject(refused);
  expect(await get(path, { pair: await makeClient(strangers, 'front-proxy-client') })).toMatchObject(refused);
  expect(await get('/apis', { pair: undefined })).toMatchObject(refused);
  expect(await get('/nowhere', { pair: undefined })).toMatchObject(refused);
  expect(await get('/openapi/v2', { pair: undefined })).toMatchObject(refused);
  expect(reviewed).toEqual([]);
});

test('a certificate for servers, or one that has expired, is no caller’s', async () => {
  const path = `${external}/namespaces/models/${metric}`;
  for (const unfit of [{ use: 'serverAuth' }, { now: Date.now() - 100 * 60 * 60 * 1000 }] as const) {
    const pair = await makeClient(proxies, 'front-proxy-client', [], unfit);
    expect(await get(path, { pair })).toMatchObject({ code: 401 });
  }
});

test('a group with a comma in its name does not become two', async () => {
  await get(`${external}/namespaces/models/${metric}`, { headers: { 'x-remote-user': 'jane', 'x-remote-group': ['a, system:masters'] } });
  expect(reviewed[0]?.[0].groups).toEqual(['a, system:masters', 'system:authenticated']);
});

test('a client’s own certificate speaks for him alone', async () => {
  const jane = await makeClient(clients, 'jane', ['team']);
  await get(`${external}/namespaces/models/${metric}`, { pair: jane });
  expect(reviewed[0]?.[0]).toMatchObject({ name: 'jane', groups: ['team', 'system:authenticated'] });
});

test('discovery describes both groups, in the shape that is asked for', async () => {
  const aggregated = await get('/apis', { headers: { ...hpa, accept: `${aggregatedType},application/json` } });
  expect(aggregated.type).toBe(aggregatedType);
  expect(aggregated.body).toMatchObject({
    kind: 'APIGroupDiscoveryList',
    items: [{ metadata: { name: 'external.metrics.k8s.io' } }, { metadata: { name: 'custom.metrics.k8s.io' } }],
  });
  expect((await get('/apis')).body).toMatchObject({ kind: 'APIGroupList', groups: [{ preferredVersion: { version: 'v1beta1' } }, {}] });
  expect((await get('/apis/custom.metrics.k8s.io')).body).toMatchObject({ kind: 'APIGroup', name: 'custom.metrics.k8s.io' });
  expect((await get(external)).body).toMatchObject({
    kind: 'APIResourceList',
    resources: metricNames.map((name) => ({ name, namespaced: true, kind: 'ExternalMetricValueList', verbs: ['get'] })),
  });
  expect((await get(custom)).body).toMatchObject({
    resources: metricNames.map((name) => ({ name: `modeldeployments.modelfleet.dev/${name}` })),
  });
  expect(await get(external, { headers: { ...hpa, accept: 'application/yaml' } })).toMatchObject({
    code: 406,
    body: { reason: 'NotAcceptable' },
  });
  expect(reviewed).toEqual([]);
});

test('who has a document already is not sent it again', async () => {
  const { headers } = await get('/apis');
  const again = await get('/apis', { headers: { ...hpa, 'if-none-match': String(headers.etag) } });
  expect(again).toMatchObject({ code: 304, body: '' });
});

test('OpenAPI describes what is served', async () => {
  const { body } = await get('/openapi/v3');
  const paths = isJsonObject(body) && isJsonObject(body.paths) ? body.paths : {};
  expect(Object.keys(paths)).toEqual(['apis/external.metrics.k8s.io/v1beta1', 'apis/custom.metrics.k8s.io/v1beta2']);
  for (const entry of Object.values(paths)) {
    const url = isJsonObject(entry) ? String(entry.serverRelativeURL) : '';
    expect((await get(url)).body).toMatchObject({ openapi: '3.0.0' });
  }
  expect((await get('/openapi/v2')).body).toMatchObject({
    swagger: '2.0',
    paths: { [`${external}/namespaces/{namespace}/{metric}`]: { get: { responses: { 200: {} } } } },
  });
});

test('probes are open to everybody', async () => {
  for (const path of ['/healthz', '/livez', '/readyz']) {
    expect(await get(path, { pair: undefined, headers: {} })).toMatchObject({ code: 200, body: 'ok' });
  }
});

test('counts what it answers by group and code, probes aside', async () => {
  registry.resetMetrics();
  await get(`${external}/namespaces/models/${metric}`);
  await get(`${external}/namespaces/models/other`);
  await get(`${custom}/namespaces/models/modeldeployments.modelfleet.dev/qwen/${metric}`);
  await get('/apis');
  await get('/healthz');
  const counted = async () => (await registry.metrics()).split('\n').filter((line) => line.includes('_seconds_count'));
  const count = (group: string, code: number) => `modelfleet_metrics_api_request_duration_seconds_count{group="${group}",code="${code}"} 1`;
  await eventually(async () =>
    expect(await counted()).toEqual([
      count('external.metrics.k8s.io', 200),
      count('external.metrics.k8s.io', 404),
      count('custom.metrics.k8s.io', 200),
      count('none', 200),
    ]),
  );
});

test('nothing can be written', async () => {
  expect(await get(`${external}/namespaces/models/${metric}`, { method: 'POST' })).toMatchObject({
    code: 405,
    body: { reason: 'MethodNotAllowed' },
  });
});

test('what goes wrong inside is not told outside', async () => {
  fails = new Error('a secret of ours');
  const answer = await get(`${external}/namespaces/models/${metric}`);
  expect(answer).toMatchObject({ code: 500, body: { reason: 'InternalError' } });
  expect(JSON.stringify(answer.body)).not.toContain('secret of ours');
});
