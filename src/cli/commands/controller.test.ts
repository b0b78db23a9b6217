import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningCommand, startModelfleet, writeTestKubeconfig } from '../../../test/fakes/command.ts';
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

function start(...flags: string[]): RunningCommand {
  const own = ['--kubeconfig', kubeconfig, '--host', '127.0.0.1', '--port', '0', '--worker-image', 'worker'];
  const command = startModelfleet('controller', ...own, ...flags);
  children.push(command.child);
  return command;
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
