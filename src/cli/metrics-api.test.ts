import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agent, container, deployment, pod } from '../../controllers/modeldeployment/testing/makers.fake.ts';
import { type RunningCommand, startModelfleet, writeTestKubeconfig } from '../../test/fakes/command.ts';
import { freePort } from '../../test/fakes/free-port.ts';
import { FakeApiServer, type Intercept, sendJson } from '../kube/testing/api-server.fake.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import type { ApiService } from '../metrics-api/certificates/api-services.ts';
import { secretData } from '../metrics-api/certificates/identity.ts';
import { takeStep } from '../metrics-api/certificates/make.ts';
import { ask } from '../metrics-api/testing/ask.fake.ts';
import { makeAuthority, makeClient, trustData } from '../metrics-api/testing/pki.fake.ts';

let directory: string;
let kubeconfig: string;
let tokenFile: string;
let api: FakeApiServer;
let children: ChildProcess[];

beforeEach(async () => {
  children = [];
  directory = await mkdtemp(join(tmpdir(), 'metrics-api-'));
  api = await FakeApiServer.start();
  kubeconfig = await writeTestKubeconfig(directory, api.url);
  tokenFile = join(directory, 'token');
  await writeFile(tokenFile, 'a-token-that-is-long-enough-to-be-one\n');
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await api.close();
  await rm(directory, { recursive: true });
});

function start(...flags: string[]): RunningCommand {
  const own = ['--kubeconfig', kubeconfig, '--host', '127.0.0.1', '--port', '0', '--worker-image', 'worker'];
  const command = startModelfleet('controller', ...own, ...flags);
  children.push(command.child);
  return command;
}

test('makes a certificate for its Service, tells the API server of it, and answers with it', { timeout: 60_000 }, async () => {
  const authority = await makeAuthority('cluster');
  const metadata = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };
  const trust = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: trustData(authority, authority) };
  api.put('configmaps', trust);
  const service = { namespace: 'system', name: 'modelfleet-metrics-api' };
  const name = 'v1beta1.external.metrics.k8s.io';
  const registered = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name }, spec: { service } };
  api.put('apiservices', registered);
  const port = await freePort();
  start('--stats-token-file', tokenFile, '--metrics-api-port', String(port), '--metrics-api-namespace', 'system');

  await eventually(() => expect(api.list('secrets', 'system')).toHaveLength(1), 30_000);
  await eventually(() => expect(api.list('apiservices')[0]).toHaveProperty('spec.caBundle'));
  const [told] = api.list('apiservices') as ApiService[];
  const ca = Buffer.from(told?.spec.caBundle ?? '', 'base64').toString();
  await eventually(async () =>
    expect(await ask(port, 'modelfleet-metrics-api.system.svc', '/readyz', { ca })).toMatchObject({ code: 200, body: 'ok' }),
  );
  expect(await ask(port, 'modelfleet-metrics-api.system.svc', '/apis', { ca })).toMatchObject({ code: 401 });
});

test('a controller that stands by tells too how full the KV cache is', { timeout: 60_000 }, async () => {
  const worker = createServer((_request, response) => {
    response.end(JSON.stringify(agent({ phase: 'Ready', kvCacheUsage: 0.7 })));
  }).listen(0, '127.0.0.1');
  await once(worker, 'listening');
  const { port: management } = worker.address() as AddressInfo;
  const host = 'modelfleet-metrics-api.system.svc';
  const [authority, identity] = await Promise.all([makeAuthority('cluster'), takeStep('all', undefined, [host], Date.now())]);
  const put = (plural: string, apiVersion: string, kind: string, namespace: string, name: string, more: object) => {
    const object = { apiVersion, kind, metadata: { namespace, name }, ...more };
    return api.put(plural, object).metadata;
  };
  put('configmaps', 'v1', 'ConfigMap', 'kube-system', 'extension-apiserver-authentication', { data: trustData(authority, authority) });
  put('secrets', 'v1', 'Secret', 'system', 'modelfleet-metrics-api-tls', { data: secretData(identity) });
  const held = new Date().toISOString().replace('Z', '000Z');
  const lease = { holderIdentity: 'another', leaseDurationSeconds: 3_600, acquireTime: held, renewTime: held, leaseTransitions: 0 };
  put('leases', 'coordination.k8s.io/v1', 'Lease', 'system', 'modelfleet-controller', { spec: lease });
  const scaling = { minReplicas: 1, maxReplicas: 2, targetKVCacheUsage: '0.8' };
  const model = deployment({ scaling });
  const { uid = '' } = api.put('modeldeployments', model).metadata;
  const owner = { apiVersion: model.apiVersion, kind: model.kind, name: model.metadata.name, uid, controller: true };
  const annotations = { 'modelfleet.dev/ports': JSON.stringify({ http: 1, management }) };
  const conditions = [{ type: 'Ready', status: 'True' }];
  const status = { phase: 'Running', podIP: '127.0.0.1', conditions, containerStatuses: [container({ running: {} })] };
  api.put('pods', pod('qwen-a', { metadata: { annotations, ownerReferences: [owner] }, status }));
  const review: Intercept = ({ path }, response) => {
    if (!path.endsWith('/subjectaccessreviews')) return false;
    sendJson(response, 201, { status: { allowed: true } });
    api.once(review);
    return true;
  };
  api.once(review);

  const port = await freePort();
  const elect = ['--leader-elect', '--leader-election-namespace', 'system'];
  const { output } = start(
    ...elect,
    '--stats-token-file',
    tokenFile,
    '--metrics-api-port',
    String(port),
    '--metrics-api-namespace',
    'system',
  );
  const asker = {
    ca: identity.authorities.join('\n'),
    pair: await makeClient(authority, 'front-proxy-client'),
    headers: { 'x-remote-user': 'autoscaler' },
  };
  const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/models/modelfleet_kv_cache_usage?labelSelector=model%3Dqwen';
  try {
    await eventually(
      async () => expect(await ask(port, host, path, asker), output()).toMatchObject({ code: 200, body: { items: [{ value: '700m' }] } }),
      40_000,
    );
  } finally {
    worker.close();
  }
});

test.each([
  ['what it tells', ['--metrics-api-namespace', 'system'], '--stats-token-file'],
  ['where its Service is', ['--stats-token-file'], '--metrics-api-namespace'],
])('without %s it is refused with the flag that says so', async (_what, flags, missing) => {
  const given = flags.flatMap((flag) => (flag === '--stats-token-file' ? [flag, tokenFile] : [flag]));
  const { child, output } = start('--metrics-api-port', '0', ...given);
  expect((await once(child, 'exit'))[0]).not.toBe(0);
  expect(output()).toContain(missing);
});
