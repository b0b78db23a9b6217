import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeApiServer } from '../../kube/testing/api-server.fake.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';

let directory: string;
let api: FakeApiServer;
let children: ChildProcess[];

beforeEach(async () => {
  children = [];
  directory = await mkdtemp(join(tmpdir(), 'controller-command-'));
  api = await FakeApiServer.start();
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: api.url } }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
  await writeFile(join(directory, 'kubeconfig'), JSON.stringify(kubeconfig));
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await api.close();
  await rm(directory, { recursive: true });
});

function start(...flags: string[]): { child: ChildProcess; output: () => string } {
  const module = new URL('./controller.ts', import.meta.url).href;
  const script = `(await import(${JSON.stringify(module)})).controllerCommand().parseAsync(process.argv.slice(1), { from: 'user' })`;
  const own = ['--kubeconfig', join(directory, 'kubeconfig'), '--host', '127.0.0.1', '--port', '0', '--worker-image', 'worker'];
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, '--', ...own, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  return { child, output: () => output };
}

test('holds the lease while it runs, and gives it back at SIGTERM', async () => {
  const { child } = start('--leader-elect', '--leader-election-namespace', 'system');
  const held = () => api.list('leases')[0];
  await eventually(() => expect(held()).toMatchObject({ metadata: { namespace: 'system', name: 'modelfleet-controller' } }), 30_000);
  expect(held()).toMatchObject({ spec: { leaseDurationSeconds: 15, leaseTransitions: 0 } });
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect(held()).toMatchObject({ spec: { holderIdentity: '', leaseDurationSeconds: 1 } });
});

test('an election without a place for the lease is refused with the flag that gives it', async () => {
  const { child, output } = start('--leader-elect');
  const [code] = await once(child, 'exit');
  expect(code).not.toBe(0);
  expect(output()).toContain('--leader-election-namespace');
});
