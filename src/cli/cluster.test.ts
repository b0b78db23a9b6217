import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeTestKubeconfig } from '../../test/fakes/command.ts';
import { pods } from '../kube/index.ts';
import { FakeApiServer, sendStatus } from '../kube/testing/api-server.fake.ts';
import { deploymentRef, inCluster } from './cluster.ts';

let folder: string;
let server: FakeApiServer;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelfleet-cluster-'));
  server = await FakeApiServer.start();
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

test.for([
  ['GET', 'view'],
  ['DELETE', 'edit'],
])('names the role that lets a user %s: %s', async ([method, role]) => {
  server.once((_, response) => {
    sendStatus(response, 403, 'Forbidden');
    return true;
  });
  const kubeconfig = await writeTestKubeconfig(folder, server.url);
  const asked = inCluster({ kubeconfig }, 'test', async (client, namespace) => {
    expect(namespace).toBe('default');
    await (method === 'GET' ? client.list(pods, { namespace }) : client.delete(pods, { namespace, name: 'p' }));
  });
  await expect(asked).rejects.toThrow(`The cluster role ${role}, bound in namespace default, allows it.`);
});

test.for(['qwen3-4b', 'mdep/qwen3-4b', 'modeldeployment/qwen3-4b', 'modeldeployments.modelfleet.dev/qwen3-4b'])('reads %s', (text) => {
  expect(deploymentRef(text, 'models')).toEqual({ namespace: 'models', name: 'qwen3-4b' });
});

test.for(['pod/qwen', 'mdep/', 'Qwen', 'mdep/a/b'])('refuses %s', (text) => {
  expect(() => deploymentRef(text, 'models')).toThrow(`"${text}" names no ModelDeployment: write NAME or mdep/NAME.`);
});
