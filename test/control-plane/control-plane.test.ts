import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { ApiError, KubeClient, secrets } from '../../src/kube/index.ts';
import { deniedRequests } from '../cluster/audit.ts';
import { type Cluster, openControlPlane } from '../cluster/cluster.ts';
import { readKubeconfig } from '../cluster/kubeconfig.ts';
import { kubectl } from '../fakes/kubectl.ts';

/** A cluster of somebody else is not ours to double, and shows no audit log. */
const ours = inject('kubeconfig') !== '' && !process.env.E2E_KUBECONFIG;

describe.skipIf(!ours)('a control plane alone', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await openControlPlane();
  });
  afterAll(() => cluster?.close());

  async function ask(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await kubectl(cluster.kubeconfig, args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  test('serves a real Kubernetes that says its version', async () => {
    expect(await ask('get', '--raw', '/readyz')).toBe('ok');
    expect(JSON.parse(await ask('get', '--raw', '/version'))).toMatchObject({ gitVersion: expect.stringMatching(/^v1\.35\./) });
  });

  test('stands beside another one that knows nothing of it', async () => {
    await ask('create', 'namespace', 'only-here');
    const other = await kubectl(inject('kubeconfig'), ['get', 'namespace', 'only-here']);
    expect(other.stderr).toContain('"only-here" not found');
  });

  test('runs controllers: a Deployment gets its ReplicaSet', async () => {
    await ask('create', 'deployment', 'web', '--image=web', '--replicas=3');
    await ask('wait', 'replicaset', '--selector=app=web', '--for=create', '--timeout=20s');
    await ask('wait', 'replicaset', '--selector=app=web', '--for=jsonpath={.status.replicas}=3', '--timeout=20s');
  });

  test('notes the requests that were refused to a ServiceAccount, and whose they were', async () => {
    const { server: url, caCertificate } = readKubeconfig(await readFile(cluster.kubeconfig, 'utf8'));
    const token = (await ask('create', 'token', 'default')).trim();
    const client = KubeClient.fromServer({ url, caCertificate, token });
    try {
      await expect(client.list(secrets, { namespace: 'kube-system' })).rejects.toThrow(ApiError);
    } finally {
      await client.close();
    }

    expect(await deniedRequests(cluster)).toEqual([
      {
        user: 'system:serviceaccount:default:default',
        verb: 'list',
        uri: expect.stringContaining('/api/v1/namespaces/kube-system/secrets'),
        message: expect.stringContaining('cannot list resource "secrets"'),
      },
    ]);
  });

  test('loses its API server and gets it back with what it held', async () => {
    await ask('create', 'configmap', 'kept');
    await cluster.components?.stop('apiserver');
    const answer = await kubectl(cluster.kubeconfig, ['get', 'configmap', 'kept']);
    expect(answer.stderr).toMatch(/refused/);

    await cluster.components?.start('apiserver');

    expect(await ask('get', 'configmap', 'kept', '--output=name')).toBe('configmap/kept\n');
  });

  test('cannot take images, and says so', async () => {
    await expect(cluster.load(['modelfleet/worker:1'])).rejects.toThrow('no node to load images into');
  });
});
