import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import type { Clock, Random } from '../../src/core/clock.ts';
import { isConflict, isNotFound, type KubeClient, keyOf, type MergePatch, type Pod, pods } from '../../src/kube/index.ts';
import { inGrowingBatches } from './batches.ts';
import { createReplicas } from './creation.ts';
import type { DrainFinalizer } from './drain-finalizer.ts';
import type { Seen } from './gather.ts';
import { drainMark, unprotectMark } from './marks.ts';
import type { PendingWrites } from './pending-writes.ts';
import type { Plan, Removal } from './plan.ts';
import type { Replica } from './replica.ts';

/** The part of the client that the plan needs. */
export type ReplicaWriter = Pick<KubeClient, 'create' | 'delete' | 'get' | 'mergePatch'>;

export type ApplyContext = {
  readonly client: ReplicaWriter;
  readonly writes: PendingWrites;
  /** Left out when it is seen to later: a deployment that goes before that has its pods collected, and none of them has served yet. */
  readonly finalizer: Pick<DrainFinalizer, 'ensure'> | undefined;
  /** The deployment as it was in the revision of which replicas are made again. */
  readonly former?: Seen | undefined;
  readonly random: Random;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** What was done, and what went wrong first. */
export type Applied = {
  readonly created: readonly string[];
  readonly drained: readonly Removal[];
  readonly removed: readonly Removal[];
  readonly failure?: { readonly error: unknown } | undefined;
};

/**
 * Does what the plan says: first what makes room, deletions and drains, then creations. A step that fails keeps none from being done
 * but those that need its room. Every write is noted in `writes` before the next reconcile.
 */
export async function applyPlan(plan: Plan, seen: Seen, context: ApplyContext): Promise<Applied> {
  const { deployment } = seen;
  const created: string[] = [];
  const drained: Removal[] = [];
  const removed: Removal[] = [];
  let failure: Applied['failure'];
  const attempt = async <T>(step: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await step();
    } catch (error) {
      failure ??= { error };
      return undefined;
    }
  };
  const { finalizer } = context;
  const mayCreate = finalizer ? await attempt(() => finalizer.ensure(seen, plan, context.signal)) : !seen.ending;
  await attempt(() =>
    inGrowingBatches(plan.remove, async (removal) => {
      if (await remove(removal, deployment, context)) removed.push(removal);
    }),
  );
  await attempt(() =>
    inGrowingBatches(plan.drain, async (removal) => {
      if (await patch(removal.replica, drainMark(removal.replica, context.clock.now()), deployment, context)) drained.push(removal);
    }),
  );
  // What could not make room has not made it.
  if (mayCreate && !failure) {
    const onCreated = (pod: string) => created.push(pod);
    await attempt(() => createReplicas(plan.create, seen, { ...context, onCreated }));
    const { former } = context;
    if (former) await attempt(() => createReplicas(plan.restore?.count ?? 0, former, { ...context, restored: true, onCreated }));
  }
  await attempt(() =>
    inGrowingBatches(plan.unprotect, async (replica) => {
      await patch(replica, unprotectMark(replica), deployment, context);
    }),
  );
  return { created, drained, removed, failure };
}

/** Deletes a pod. Answers whether it was there. */
async function remove({ replica }: Removal, deployment: ModelDeployment, context: ApplyContext): Promise<boolean> {
  const { client, writes, signal } = context;
  const { name, uid } = replica;
  const { namespace } = deployment.metadata;
  return ifThere(replica, deployment, context, async () => {
    await client.delete(pods, { namespace, name }, { uid, signal });
    writes.deleted(keyOf(deployment), uid);
  });
}

/** Changes a pod. Answers whether it was there. */
async function patch(replica: Replica, change: MergePatch<Pod>, deployment: ModelDeployment, context: ApplyContext): Promise<boolean> {
  const { client, writes, signal } = context;
  const { name } = replica;
  const { namespace } = deployment.metadata;
  return ifThere(replica, deployment, context, async () => {
    writes.patched(keyOf(deployment), await client.mergePatch<Pod>(pods, { namespace, name }, change, { signal }));
  });
}

/** A pod that is gone already, or whose name belongs to another one by now, is no more: the cache only does not show it yet. */
async function ifThere(replica: Replica, deployment: ModelDeployment, context: ApplyContext, write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (!isNotFound(error) && !(isConflict(error) && (await isGone(replica, deployment, context)))) throw error;
    context.writes.deleted(keyOf(deployment), replica.uid);
    return false;
  }
}

/** A conflict does not tell whether the name belongs to another pod or somebody else wrote just now: a pod must not be forgotten for the latter. */
async function isGone(
  { name, uid }: Replica,
  { metadata: { namespace } }: ModelDeployment,
  { client, signal }: ApplyContext,
): Promise<boolean> {
  try {
    return (await client.get(pods, { namespace, name }, { signal })).metadata.uid !== uid;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}
