import type { Pod } from 'kubernetes-types/core/v1.js';
import { describe, inject } from 'vitest';
import type { ModelDeployment } from '../../../../src/api/model-deployment.ts';
import { type KubectlOptions, kubectl } from '../../../fakes/kubectl.ts';

export const kubeconfig = inject('kubeconfig');
/** The cluster runs on this machine, and its parts may be stopped. */
export const ours = inject('clusterKind') === 'one-node';

/** Tests that need a cluster; the set-up says why there is none. */
export const onCluster = describe.skipIf(kubeconfig === '');

/** What kubectl printed. Throws with its complaint when it fails. */
export async function kube(args: readonly string[], options?: KubectlOptions): Promise<string> {
  const { stdout, stderr, code } = await kubectl(kubeconfig, args, options);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr || stdout}`);
  return stdout;
}

/** Applies objects and says what became of each. */
export async function apply(...objects: readonly object[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  return await kube(['apply', '--server-side', '-f', '-'], { stdin: JSON.stringify(list) });
}

export async function read<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await kube(['get', ...args, '-o', 'json'])) as T;
}

/** A namespace that enforces the strictest Pod Security Standard; what a former run left there is gone. */
export async function freshNamespace(name: string): Promise<void> {
  await kube(['delete', 'namespace', name, '--ignore-not-found', '--timeout=120s']);
  await apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
  // Pods are refused until their account is there. After an outage of the API server that takes its controllers a while.
  await kube(['wait', '--for=create', 'serviceaccount/default', '-n', name, '--timeout=120s']);
}

/** Waits until a pod is ready; throws with what is known of it when it is not. Long enough for a cluster that comes back from an outage. */
export async function podReady(namespace: string, name: string): Promise<void> {
  const args = ['wait', '--for=condition=Ready', `pod/${name}`, '-n', namespace, '--timeout=150s'];
  const { stderr, code } = await kubectl(kubeconfig, args);
  if (code === 0) return;
  throw new Error(`${stderr}\n${await kube(['describe', 'pod', name, '-n', namespace])}`);
}

/** The worker pods of a deployment that are not on their way out, by name. */
export async function workers(namespace: string, model: string): Promise<readonly Pod[]> {
  const { items } = await read<{ items: Pod[] }>('pods', '-n', namespace, '-l', `modelfleet.dev/model=${model}`);
  return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
}

export const uids = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata?.uid).sort();

export async function deployment(namespace: string, name: string): Promise<ModelDeployment> {
  return await read<ModelDeployment>('mdep', name, '-n', namespace);
}

export const isReady = (namespace: string, model: string, timeout = '180s') =>
  kube(['wait', '--for=condition=Ready', `mdep/${model}`, '-n', namespace, `--timeout=${timeout}`]);
