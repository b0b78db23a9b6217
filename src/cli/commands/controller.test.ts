import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningCommand, startModelfleet, writeTestKubeconfig } from '../../../test/fakes/command.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { FakeApiServer } from '../../kube/testing/api-server.fake.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';

let directory: string;
let kubeconfig: string;
let api: FakeApiServer;
let children: ChildProcess[];

beforeEach(async () => {
  children = [];
  directory = await mkdtemp(join(tmpdir(), 'controller-command-'));
  api = await FakeApiServer.start();
  kubeconfig = await writeTestKubeconfig(directory, api.url);
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await api.close();
  await rm(directory, { recursive: true });
});

/** Runs the command in a process of its own; `operations` answers the text of a path of its operations port, and the status. */
function start(...flags: string[]): RunningCommand & { operations(path: string): Promise<[number, string]> } {
  const own = ['--kubeconfig', kubeconfig, '--host', '127.0.0.1', '--port', '0', '--worker-image', 'worker'];
  const command = startModelfleet('controller', ...own, ...flags);
  children.push(command.child);
  return {
    ...command,
    async operations(path) {
      await eventually(() => command.output().includes('"port"'), 30_000);
      const answer = await fetch(`http://127.0.0.1:${/"port":(\d+)/.exec(command.output())?.[1]}${path}`);
      return [answer.status, await answer.text()];
    },
  };
}

const elected = ['--leader-elect', '--leader-election-namespace', 'system'];

test('holds the lease while it runs, and gives it back at SIGTERM', async () => {
  const { child } = start(...elected);
  const held = () => api.list('leases')[0];
  await eventually(() => expect(held()).toMatchObject({ metadata: { namespace: 'system', name: 'modelfleet-controller' } }), 30_000);
  expect(held()).toMatchObject({ spec: { leaseDurationSeconds: 15, leaseTransitions: 0 } });
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(held()).toMatchObject({ spec: { holderIdentity: '', leaseDurationSeconds: 1 } });
});

test('without an API server it lives, says what it waits for, and starts once there is one', async () => {
  const { port } = new URL(api.url);
  await api.halt();
  const { operations } = start(...elected);
  const [status, reason] = await operations('/readyz');
  expect(status).toBe(503);
  expect(reason).toContain('waits for modeldeployments.modelfleet.dev');
  await eventually(async () => expect((await operations('/readyz'))[1]).toContain('ECONNREFUSED'));
  expect(await operations('/healthz')).toEqual([200, 'ok\n']);
  await api.resume(Number(port));
  await eventually(async () => expect(await operations('/readyz')).toEqual([200, 'ok\n']));
  await eventually(async () => expect((await operations('/metrics'))[1]).toContain('master_status{name="modelfleet-controller"} 1'));
});

test('an API server that goes for longer than the lease costs the lead, not the process', { timeout: 60_000 }, async () => {
  const { port } = new URL(api.url);
  const { child, operations } = start(...elected);
  const leads = async () => (await operations('/metrics'))[1].includes('master_status{name="modelfleet-controller"} 1');
  await eventually(leads, 30_000);
  // It leads before it has read everything: without an API server it would wait for the rest.
  await eventually(async () => expect(await operations('/readyz')).toEqual([200, 'ok\n']), 30_000);
  await api.halt();
  await eventually(async () => !(await leads()), 15_000);
  expect([await operations('/healthz'), await operations('/readyz')]).toEqual(Array(2).fill([200, 'ok\n']));
  await api.resume(Number(port));
  await eventually(leads, 15_000);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('hears of requests that a gateway holds, and counts them in the status', { timeout: 90_000 }, async () => {
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, 'stats-token-0123456789');
  const apiVersion = 'modelfleet.dev/v1alpha1';
  const metadata = { name: 'm', namespace: 'ns', generation: 1 };
  const deployment = { apiVersion, kind: 'ModelDeployment', metadata, spec: { model: { source: 'hf://a/b' }, replicas: 1 } };
  const keys = [{ name: 'k', hash: hashApiKey('mf-k') }];
  const tenant = { apiVersion, kind: 'Tenant', metadata: { name: 'acme' }, spec: { keys } };
  api.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  api.put('modeldeployments', deployment);
  api.put('tenants', tenant);
  const flags = ['--kubeconfig', kubeconfig, '--host', '127.0.0.1', '--port', '0', '--metrics-port', '0'];
  const gateway = startModelfleet('gateway', ...flags, '--stats-token-file', tokenFile);
  children.push(gateway.child);
  const said = (field: string) => new RegExp(`"${field}":"([^"]+)"`).exec(gateway.output())?.[1];
  await eventually(() => said('metrics') !== undefined, 30_000);
  const ports = [{ name: 'metrics', containerPort: Number(new URL(said('metrics') ?? '').port) }];
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'gateway-1',
      namespace: 'system',
      labels: { 'app.kubernetes.io/name': 'modelfleet', 'app.kubernetes.io/component': 'gateway' },
    },
    spec: { containers: [{ name: 'gateway', ports }] },
    status: { podIP: '127.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
  };
  api.put('pods', pod);
  const controller = start('--stats-token-file', tokenFile, '--gateway-namespace', 'system');
  await eventually(() => controller.output().includes('the gateway is heard'), 30_000);

  const leave = new AbortController();
  const ask = () =>
    fetch(`${said('url')}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer mf-k' },
      body: '{"model":"m"}',
      signal: leave.signal,
    });
  await eventually(async () => expect((await fetch(`${said('url')}/readyz`)).status).toBe(200));
  const answers = [ask(), ask(), ask()].map((answer) => answer.catch(() => undefined));
  const queue = () => expect((api.list('modeldeployments')[0] as unknown as { status: unknown }).status);
  await eventually(() => queue().toMatchObject({ phase: 'Pending', columns: { queue: 3 } }), 20_000);
  leave.abort();
  await Promise.all(answers);
  await eventually(() => queue().toMatchObject({ columns: { queue: 0 } }), 20_000);
  expect(controller.output() + gateway.output()).not.toContain('stats-token-0123456789');
});

test('a taken port ends it with a clear sentence', async () => {
  const { port } = new URL(api.url);
  const { child, output } = start('--port', port);
  expect((await once(child, 'exit'))[0]).not.toBe(0);
  expect(output()).toContain(`Port ${port} on 127.0.0.1 is taken. Stop what uses it, or give another with --port.`);
});

test('a token file that cannot be read ends it with a clear sentence', async () => {
  const { child, output } = start('--stats-token-file', '/none');
  expect((await once(child, 'exit'))[0]).not.toBe(0);
  expect(output()).toContain('Cannot read the tokens in /none');
});

test('an election without a place for the lease is refused with the flag that gives it', async () => {
  const { child, output } = start('--leader-elect');
  const [code] = await once(child, 'exit');
  expect(code).not.toBe(0);
  expect(output()).toContain('--leader-election-namespace');
});
