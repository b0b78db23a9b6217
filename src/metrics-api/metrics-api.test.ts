import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../test/fakes/free-port.ts';
import { systemClock } from '../core/clock.ts';
import { KubeClient, Manager } from '../kube/index.ts';
import { FakeApiServer, sendJson } from '../kube/testing/api-server.fake.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import { type Identity, secretData } from './certificates/identity.ts';
import { takeStep } from './certificates/make.ts';
import { metricsApi } from './metrics-api.ts';
import { ask } from './testing/ask.fake.ts';
import { makeAuthority, makeClient, type Pair, trustData } from './testing/pki.fake.ts';

const host = 'metrics.modelfleet.svc';
const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/models/modelfleet_requests_waiting';
let clients: Pair;
let proxies: Pair;
let first: Identity;
let api: FakeApiServer;
let client: KubeClient;
let port: number;
let stop: AbortController;
let running: Promise<void>;
const log: { level: number; msg: string }[] = [];

beforeAll(async () => {
  [clients, proxies, first] = await Promise.all([
    makeAuthority('clients'),
    makeAuthority('proxies'),
    takeStep('all', undefined, [host], systemClock.now()),
  ]);
});

beforeEach(async () => {
  log.length = 0;
  api = await FakeApiServer.start();
  client = KubeClient.fromServer({ url: api.url });
  port = await freePort();
  stop = new AbortController();
  running = Promise.resolve();
});

afterEach(async () => {
  stop.abort();
  await running;
  await client.close();
  await api.close();
});

function start(at = port): Promise<void> {
  const logger = pino({ base: null }, { write: (line: string) => void log.push(JSON.parse(line)) });
  const secret = { namespace: 'modelfleet', name: 'metrics-tls' };
  const source = { values: () => [{ model: 'qwen', value: 3, at: systemClock.now(), stale: false }] };
  const address = { host: '127.0.0.1', port: at, flag: '--metrics-api-port' };
  const manager = new Manager({ logger });
  manager.addRunnable(metricsApi({ ...address, client, secret, source, objects: () => [], clock: systemClock, logger }));
  running = manager.run(stop.signal);
  return running;
}

function trust(proxy: Pair): void {
  const metadata = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: trustData(clients, proxy) };
  api.put('configmaps', object);
}

function keep(identity: Identity): void {
  const metadata = { namespace: 'modelfleet', name: 'metrics-tls' };
  const object = { apiVersion: 'v1', kind: 'Secret', metadata, data: secretData(identity) };
  api.put('secrets', object);
}

async function get(pair: Pair | undefined, identity = first) {
  api.once((request, response) => {
    if (!request.path.endsWith('/subjectaccessreviews')) return false;
    sendJson(response, 201, { status: { allowed: true } });
    return true;
  });
  const ca = identity.authorities.join('\n');
  return ask(port, host, path, { ca, pair, headers: { 'x-remote-user': 'jane' } });
}

test('listens once it has a certificate and knows whom to trust', async () => {
  start();
  keep(first);
  await eventually(() => expect(api.openWatches).toBe(2));
  await expect(get(undefined)).rejects.toThrow('ECONNREFUSED');
  trust(proxies);
  const proxy = await makeClient(proxies, 'front-proxy-client');
  await eventually(async () => expect(await get(proxy)).toMatchObject({ code: 200, body: { items: [{ value: '3' }] } }));
});

test('serves a renewed certificate, and keeps the old one when the new is none', async () => {
  trust(proxies);
  keep(first);
  start();
  await eventually(async () => expect(await get(undefined)).toMatchObject({ code: 401 }));
  const next = await takeStep('all', undefined, [host], systemClock.now());
  keep(next);
  await eventually(async () => expect(await get(undefined, next)).toMatchObject({ code: 401 }));
  keep({ ...next, key: first.key });
  await eventually(() => expect(log.map(({ msg }) => msg).join()).toContain('Secret modelfleet/metrics-tls no longer holds'));
  expect(await get(undefined, next)).toMatchObject({ code: 401 });
});

test('follows the authority of the front proxy', async () => {
  trust(proxies);
  keep(first);
  start();
  const [old, nextAuthority] = await Promise.all([makeClient(proxies, 'front-proxy-client'), makeAuthority('next proxies')]);
  await eventually(async () => expect(await get(old)).toMatchObject({ code: 200 }));
  trust(nextAuthority);
  const next = await makeClient(nextAuthority, 'front-proxy-client');
  await eventually(async () => expect(await get(next)).toMatchObject({ code: 200 }));
  expect(await get(old)).toMatchObject({ code: 401 });
});

test('a taken port ends the program with the flag that gives another', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  try {
    trust(proxies);
    keep(first);
    const { port: taken } = other.address() as AddressInfo;
    await expect(start(taken)).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/Port \d+ on 127.0.0.1 is taken\. .*--metrics-api-port/) },
    });
    running = Promise.resolve();
  } finally {
    other.close();
  }
});
