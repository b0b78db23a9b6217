import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { KubeClient, type Secret } from '../../kube/index.ts';
import { FakeApiServer, sendStatus } from '../../kube/testing/api-server.fake.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import type { ApiService } from './api-services.ts';
import { readIdentity } from './identity.ts';
import { CertificateKeeper } from './keeper.ts';

const service = { namespace: 'modelfleet', name: 'metrics' };
const dayMs = 24 * 60 * 60 * 1000;
let api: FakeApiServer;
let client: KubeClient;
let clock: FakeClock;
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  api = await FakeApiServer.start();
  clock = new FakeClock();
  client = KubeClient.fromServer({ url: api.url });
  stop = new AbortController();
  running = Promise.resolve();
});

afterEach(async () => {
  stop.abort();
  await running;
  await client.close();
  await api.close();
});

function start(): void {
  const secret = { namespace: 'modelfleet', name: 'metrics-tls' };
  running = new CertificateKeeper({ client, secret, service, clock, logger: silentLogger }).start(stop.signal);
}

function register(group: string, to = service): void {
  const object = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: group }, spec: { service: to } };
  api.put('apiservices', object);
}

const stored = () => api.list('secrets')[0] as Secret | undefined;
const bundleAt = (group: string) => (api.list('apiservices').find(({ metadata }) => metadata.name === group) as ApiService).spec.caBundle;
const rested = () => eventually(() => expect(clock.sleeping).toBe(1));
const writes = () => api.requests.filter(({ method }) => method !== 'GET').length;

async function look(ms = 30_000): Promise<void> {
  await rested();
  const asked = api.requests.length;
  await clock.advance(ms);
  await eventually(() => expect(api.requests.length).toBeGreaterThanOrEqual(asked + 3));
  await rested();
}

test('makes a certificate, tells the API server who vouches for it, and then writes no more', async () => {
  register('v1beta1.external.metrics.k8s.io');
  register('v1beta2.custom.metrics.k8s.io');
  start();
  await rested();
  expect(readIdentity(stored())).toBeDefined();
  const bundle = stored()?.data?.['ca.crt'];
  expect([bundleAt('v1beta1.external.metrics.k8s.io'), bundleAt('v1beta2.custom.metrics.k8s.io')]).toEqual([bundle, bundle]);
  const before = writes();
  await look();
  expect(writes()).toBe(before);
});

test('leaves a group alone that leads to somebody else', async () => {
  register('v1beta1.external.metrics.k8s.io', { namespace: 'keda', name: 'keda-operator-metrics-apiserver' });
  register('v1beta2.custom.metrics.k8s.io');
  start();
  await rested();
  expect(bundleAt('v1beta1.external.metrics.k8s.io')).toBeUndefined();
  expect(bundleAt('v1beta2.custom.metrics.k8s.io')).toBeDefined();
});

test('tells a group that is registered later, and one that was told otherwise', async () => {
  start();
  await rested();
  register('v1beta1.external.metrics.k8s.io');
  await look();
  expect(bundleAt('v1beta1.external.metrics.k8s.io')).toBe(stored()?.data?.['ca.crt']);
  register('v1beta1.external.metrics.k8s.io');
  await look();
  expect(bundleAt('v1beta1.external.metrics.k8s.io')).toBe(stored()?.data?.['ca.crt']);
});

test('renews the certificate in time', async () => {
  start();
  await rested();
  const first = stored()?.data;
  await look(61 * dayMs);
  expect(stored()?.data?.['tls.crt']).not.toBe(first?.['tls.crt']);
  expect(stored()?.data?.['ca.crt']).toBe(first?.['ca.crt']);
});

test('replaces a Secret that was damaged', async () => {
  start();
  await rested();
  const secret = stored();
  if (!secret) throw new Error('no Secret');
  const damaged = { ...secret, data: { 'tls.crt': 'AAAA' } };
  api.put('secrets', damaged);
  await look();
  expect(readIdentity(stored())).toBeDefined();
});

test('a look that fails is not the last', async () => {
  api.once((request, response) => {
    if (request.method !== 'POST') return false;
    sendStatus(response, 403, 'Forbidden');
    return true;
  });
  start();
  await rested();
  expect(stored()).toBeUndefined();
  await look(5_000);
  expect(readIdentity(stored())).toBeDefined();
});
