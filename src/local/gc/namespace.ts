import type { NamespaceCondition } from 'kubernetes-types/core/v1.d.ts';
import {
  done,
  isNotFound,
  type KubeClient,
  type Namespace,
  namespaces,
  type ResourceType,
  type Result,
  requeueAfter,
  timestamp,
} from '../../kube/index.ts';
import { resourceKey, servedTypes } from './discovery.ts';

const ownFinalizer = 'kubernetes';
const recheckMs = 200;

/** Empties a namespace that is being deleted, then takes the `kubernetes` finalizer off it (kube-controller-manager, namespace controller). */
export async function finalizeNamespace(client: KubeClient, name: string, now: number, signal: AbortSignal): Promise<Result> {
  const namespace = await find(client, name, signal);
  if (!namespace?.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes(ownFinalizer)) return done();
  const types = (await servedTypes(client, signal)).filter(({ namespaced }) => namespaced);
  const left = (await Promise.all(types.map((type) => empty(client, type, name, signal)))).filter(({ count }) => count > 0);
  if (left.length > 0) {
    await report(client, namespace, left, now, signal);
    return requeueAfter(recheckMs);
  }
  const spec = { ...namespace.spec, finalizers: namespace.spec.finalizers.filter((one) => one !== ownFinalizer) };
  await client.request('PUT', `/api/v1/namespaces/${name}/finalize`, { body: { ...namespace, spec }, signal });
  return done();
}

type Remainder = { readonly type: ResourceType; readonly count: number; readonly finalizers: readonly string[] };

/** Asks for the deletion of all that is there, once each, and says what is left. */
async function empty(client: KubeClient, type: ResourceType, namespace: string, signal: AbortSignal): Promise<Remainder> {
  const { items } = await client.list(type, { namespace }, { signal });
  const asked = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  await Promise.all(
    asked.map(async ({ metadata: { name, uid } }) => {
      try {
        await client.delete(type, { namespace, name }, { uid, propagationPolicy: 'Background', signal });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }),
  );
  const rest = asked.length > 0 ? (await client.list(type, { namespace }, { signal })).items : items;
  return { type, count: rest.length, finalizers: rest.flatMap(({ metadata }) => metadata.finalizers ?? []) };
}

/** Tells people what a namespace waits for; written only when that changes. */
async function report(
  client: KubeClient,
  namespace: Namespace,
  left: readonly Remainder[],
  now: number,
  signal: AbortSignal,
): Promise<void> {
  const before = namespace.status?.conditions ?? [];
  const contents = left.map(({ type, count }) => `${resourceKey(type).replace(/^\//, '')} has ${count} resource instances`).join(', ');
  const finalizers = [...new Set(left.flatMap((one) => one.finalizers))];
  const wanted: NamespaceCondition[] = [
    condition('NamespaceContentRemaining', 'SomeResourcesRemain', `Some resources are remaining: ${contents}`, true),
    condition(
      'NamespaceFinalizersRemaining',
      'SomeFinalizersRemain',
      `Some content has finalizers remaining: ${finalizers.join(', ')}`,
      finalizers.length > 0,
    ),
  ];
  const conditions = wanted.map((next) => {
    const old = before.find(({ type }) => type === next.type);
    const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : undefined;
    return { ...next, lastTransitionTime: lastTransitionTime ?? timestamp(now) };
  });
  const text = (list: readonly NamespaceCondition[]) => JSON.stringify(list.map(({ type, status, message }) => [type, status, message]));
  if (text(before) === text(conditions)) return;
  await client.mergePatch(namespaces, { name: namespace.metadata.name }, { status: { conditions } }, { subresource: 'status', signal });
}

function condition(type: string, reason: string, message: string, holds: boolean): NamespaceCondition {
  return holds
    ? { type, status: 'True', reason, message }
    : { type, status: 'False', reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' };
}

async function find(client: KubeClient, name: string, signal: AbortSignal): Promise<Namespace | undefined> {
  try {
    return await client.get(namespaces, { name }, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
