import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningCommand, startModelfleet, writeTestKubeconfig } from '../../../test/fakes/command.ts';
import { type MockWorker, startMockWorker, streamedAnswer } from '../../../test/fakes/mock-worker.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { FakeApiServer } from '../../kube/testing/api-server.fake.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';

const apiVersion = 'modelfleet.dev/v1alpha1';
let directory: string;
let kubeconfig: string;
let api: FakeApiServer;
let worker: MockWorker;
let children: ChildProcess[];

beforeEach(async () => {
  children = [];
  directory = await mkdtemp(join(tmpdir(), 'gateway-command-'));
  api = await FakeApiServer.start();
  worker = await startMockWorker({ chunks: 40, paceMs: 20 });
  const { port } = new URL(worker.origin);
  const keys = [{ name: 'k', hash: hashApiKey('mf-k') }];
  const tenant = { apiVersion, kind: 'Tenant', metadata: { name: 'acme' }, spec: { keys } };
  const deployment = { apiVersion, kind: 'ModelDeployment', metadata: { name: 'm', namespace: 'ns' }, spec: {} };
  const labels = { 'modelfleet.dev/model': 'm' };
  const annotations = { 'modelfleet.dev/ports': `{"http":${port},"management":1}` };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'm-1', namespace: 'ns', labels, annotations },
    spec: { containers: [] },
    status: { podIP: '127.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
  };
  api.put('tenants', tenant);
  api.put('modeldeployments', deployment);
  api.put('pods', pod);
  kubeconfig = await writeTestKubeconfig(directory, api.url);
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await worker.close();
  await api.close();
  await rm(directory, { recursive: true });
});

/** Runs the command in a process of its own; `url` resolves when it says where it listens. */
function start(...flags: string[]): RunningCommand & { url: () => Promise<string> } {
  const own = ['--kubeconfig', kubeconfig, '--host', '127.0.0.1', '--metrics-port', '0'];
  const command = startModelfleet('gateway', ...own, ...flags);
  children.push(command.child);
  const url = async () => {
    await eventually(() => command.output().includes('"url"'), 30_000);
    return /"url":"([^"]+)"/.exec(command.output())?.[1] ?? '';
  };
  return { ...command, url };
}

test('serves the cluster of the kubeconfig, and at SIGTERM ends with its last stream', async () => {
  const { child, url, output } = start('--port', '0');
  const origin = await url();
  await eventually(async () => (await fetch(`${origin}/readyz`)).status === 200);
  const answer = await fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer mf-k' },
    body: JSON.stringify({ model: 'm', stream: true }),
  });

  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await answer.text()).toBe(streamedAnswer('m', 40));
  expect(await ended).toEqual([0, null]);
  expect(output()).not.toContain('mf-k');
});

test('a taken port ends it with a clear sentence', async () => {
  const { port } = new URL(worker.origin);
  const { child, output } = start('--port', port);
  const [code] = await once(child, 'exit');
  expect(code).not.toBe(0);
  expect(output()).toContain(`Port ${port} on 127.0.0.1 is taken`);
});

test.each([
  [['--port', '70000'], 'Give a whole number from 0 to 65535.'],
  [['--drain-timeout', 'soon'], '"soon" is not a duration such as 30s'],
])('refuses %j and says what it expects', async (flags, sentence) => {
  const { child, output } = start(...flags);
  const [code] = await once(child, 'exit');
  expect(code).toBe(1);
  expect(output()).toContain(sentence);
});
