import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { customResourceDefinitions } from '../../../src/api/crd/definitions.ts';
import { isJsonObject } from '../../../src/core/json.ts';
import { isNotFound, KubeClient, loadKubeConfig, namespaces } from '../../../src/kube/index.ts';
import { applyManifest, parseManifest } from '../../../src/local/manifests.ts';
import { accessOf } from '../../cluster/admin-api.ts';
import { type Cluster, openControlPlane } from '../../cluster/cluster.ts';
import { bundleAsImage, type ImageProgram } from '../image-program.ts';
import { type BenchProcess, startProgram } from '../processes.ts';
import type { Options } from './options.ts';

/** Where the deployments of the benchmark are. */
export const namespace = 'bench';
/** Where the controller's lease and account are. */
export const home = 'modelfleet-system';
const account = 'modelfleet-controller';

const controllerManagerArgs = [
  // Its own limit of 20 requests a second would slow the comparison, not the API server.
  '--kube-api-qps=1000',
  '--kube-api-burst=2000',
  // The nodes are not there: nobody shall judge by their heartbeats whether pods are ready.
  '--controllers=*,-node-lifecycle-controller',
];

/** A real API server with pretended nodes. */
export type Testbed = AsyncDisposable &
  ImageProgram & {
    readonly cluster: Cluster;
    readonly admin: KubeClient;
    /** Path of a kubeconfig for the controller. */
    readonly kubeconfig: string;
    /** For logs. */
    readonly folder: string;
  };

/** Opens a control plane of its own and registers the nodes. */
export async function openTestbed(options: Options): Promise<Testbed> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'bench-operator-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const cluster = await openControlPlane({ controllerManagerArgs, audit: false });
  opened.defer(() => cluster.close());
  const admin = KubeClient.fromKubeConfig(await loadKubeConfig({ path: cluster.kubeconfig }), { fieldManager: 'bench' });
  opened.defer(() => admin.close());
  for (const [name, definition] of Object.entries(customResourceDefinitions()))
    await applyManifest(admin, parseManifest(definition, name), { fieldManager: 'bench', force: true });
  for (const name of [namespace, home]) await admin.create(namespaces, { metadata: { name } });
  await untilServed(admin, `/api/v1/namespaces/${namespace}/serviceaccounts/default`);
  await untilServed(admin, '/apis/modelfleet.dev/v1alpha1/modeldeployments');
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, await controllerKubeconfig(admin, cluster), { mode: 0o600 });
  const kubelet: BenchProcess = await startProgram(
    'programs/fake-kubelet.ts',
    cluster.kubeconfig,
    String(options.nodes),
    String(options.startMs),
    String(options.loadMs),
  );
  opened.defer(() => kubelet.stop());
  const image = await bundleAsImage('controller', folder);
  const resources = opened.move();
  return { cluster, admin, kubeconfig, ...image, folder, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** A ServiceAccount as in production, because priority and fairness treats those otherwise than administrators. What it may do is not measured here. */
async function controllerKubeconfig(admin: KubeClient, cluster: Cluster): Promise<string> {
  const accounts = `/api/v1/namespaces/${home}/serviceaccounts`;
  await admin.request('POST', accounts, { body: { metadata: { name: account } } });
  await admin.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    body: {
      metadata: { name: 'bench-controller' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', namespace: home, name: account }],
    },
  });
  const answer = await admin.request('POST', `${accounts}/${account}/token`, {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 7_200 } },
  });
  const status = isJsonObject(answer) ? answer.status : undefined;
  if (!isJsonObject(status) || typeof status.token !== 'string') throw new Error('the API server made no token for the controller');
  const { server, caCertificate } = await accessOf(cluster.kubeconfig);
  const name = 'bench';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(caCertificate).toString('base64') } }],
    users: [{ name, user: { token: status.token } }],
  });
}

async function untilServed(admin: KubeClient, path: string): Promise<void> {
  for (const until = performance.now() + 30_000; ; await sleep(100)) {
    try {
      await admin.request('GET', path);
      return;
    } catch (error) {
      if (!isNotFound(error) || performance.now() > until) throw error;
    }
  }
}
