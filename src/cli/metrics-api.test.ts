import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningCommand, startModelfleet, writeTestKubeconfig } from '../../test/fakes/command.ts';
import { freePort } from '../../test/fakes/free-port.ts';
import { FakeApiServer } from '../kube/testing/api-server.fake.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import type { ApiService } from '../metrics-api/certificates/api-services.ts';
import { ask } from '../metrics-api/testing/ask.fake.ts';
import { makeAuthority, trustData } from '../metrics-api/testing/pki.fake.ts';

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

test.each([
  ['what it tells', ['--metrics-api-namespace', 'system'], '--stats-token-file'],
  ['where its Service is', ['--stats-token-file'], '--metrics-api-namespace'],
])('without %s it is refused with the flag that says so', async (_what, flags, missing) => {
  const given = flags.flatMap((flag) => (flag === '--stats-token-file' ? [flag, tokenFile] : [flag]));
  const { child, output } = start('--metrics-api-port', '0', ...given);
  expect((await once(child, 'exit'))[0]).not.toBe(0);
  expect(output()).toContain(missing);
});
