import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import type { Random } from '../../src/core/clock.ts';
import { ApiError, isAlreadyExists, isConflict, isNotFound, type KubeClient, keyOf, pods } from '../../src/kube/index.ts';
import { cacheClaim, persistentVolumeClaims } from './builders/cache-claim.ts';
import { buildPod } from './builders/pod.ts';
import { controllerUid, type Seen } from './gather.ts';
import type { PendingWrites } from './pending-writes.ts';
import type { Plan, Removal } from './plan.ts';

/** The part of the client that the plan needs. */
export type PodWriter = Pick<KubeClient, 'create' | 'delete' | 'get'>;

export type ApplyContext = {
  readonly client: PodWriter;
  readonly writes: PendingWrites;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onCreated: (pod: string) => void;
  readonly onRemoved: (removal: Removal) => void;
};

/**
 * Does what the plan says: deletions first, because they make room, then creations.
 * Every write is noted in `writes` before the next reconcile. Throws what the server answered to the first write that failed.
 */
export async function applyPlan(plan: Plan, seen: Seen, context: ApplyContext): Promise<void> {
  for (const removal of plan.remove) await remove(removal, seen.deployment, context);
  if (plan.create === 0) return;
  await createCacheClaim(seen, context);
  await inGrowingBatches(plan.create, () => createReplica(seen, context));
}

async function remove(removal: Removal, deployment: ModelDeployment, { client, writes, signal, onRemoved }: ApplyContext): Promise<void> {
  const { name, uid } = removal.replica;
  const { namespace } = deployment.metadata;
  try {
    await client.delete(pods, { namespace, name }, { uid, signal });
  } catch (error) {
    // Gone already, or its name belongs to another pod by now: either way this one is no more.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
  writes.deleted(keyOf(deployment), uid);
  onRemoved(removal);
}

/** Created once and never changed: the spec of a claim is immutable, and its fields are so in our API. */
async function createCacheClaim({ deployment, acceptance }: Seen, { client, signal }: ApplyContext): Promise<void> {
  const claim = acceptance.accepted ? cacheClaim(deployment, acceptance.spec) : undefined;
  if (!claim) return;
  try {
    await client.create(persistentVolumeClaims, claim, { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

async function createReplica({ deployment, template, revision }: Seen, context: ApplyContext): Promise<void> {
  if (!template || revision === undefined) return;
  const { client, writes, random, signal, onCreated } = context;
  const key = keyOf(deployment);
  const name = writes.takeUncertain(key) ?? podName(deployment.metadata.name, random);
  try {
    const pod = await client.create(pods, buildPod(deployment, template, revision, name), { signal });
    writes.created(key, pod);
    onCreated(name);
  } catch (error) {
    if (isAlreadyExists(error)) {
      await adopt(name, deployment, context, error);
      return;
    }
    // No answer, or one that leaves open whether the write was done: try this name again, so that there cannot be two.
    if (!(error instanceof ApiError) || error.code >= 500) writes.uncertain(key, name);
    throw error;
  }
}

/** A pod of that name exists: it is ours if an earlier creation succeeded without telling. */
async function adopt(name: string, deployment: ModelDeployment, { client, writes, signal }: ApplyContext, cause: unknown): Promise<void> {
  const { namespace, uid = '' } = deployment.metadata;
  const existing = await client.get(pods, { namespace, name }, { signal });
  if (!controllerUid(existing).includes(uid)) throw cause;
  writes.created(keyOf(deployment), existing);
}

/** As a ReplicaSet does: 1, 2, 4 … at a time, so that a creation that cannot succeed fails once and not a thousand times. */
async function inGrowingBatches(count: number, work: () => Promise<void>): Promise<void> {
  for (let done = 0, size = 1; done < count; done += size, size *= 2) {
    const results = await Promise.allSettled(Array.from({ length: Math.min(size, count - done) }, work));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}

// As apiserver names: no vowels and no digits that look like letters, so that no word appears.
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

function podName(deployment: string, random: Random): string {
  return `${deployment}-${Array.from({ length: 5 }, () => alphabet[Math.floor(random() * alphabet.length)] ?? 'x').join('')}`;
}
