import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import type { Random } from '../../src/core/clock.ts';
import { Failure } from '../../src/core/failure.ts';
import { ApiError, isAlreadyExists, isConflict, isNotFound, type KubeClient, keyOf, pods } from '../../src/kube/index.ts';
import { cacheClaim, isOnOneNode, type PersistentVolumeClaim, persistentVolumeClaims } from './builders/cache-claim.ts';
import { buildPod } from './builders/pod.ts';
import { controllerUid, type Seen } from './gather.ts';
import type { PendingWrites } from './pending-writes.ts';
import type { Plan, Removal } from './plan.ts';
import { refusalOf } from './refusal.ts';

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
 * Every write is noted in `writes` before the next reconcile. Throws what the server answered to the first write that failed;
 * a Failure when a creation is refused and only somebody's change can help.
 */
export async function applyPlan(plan: Plan, seen: Seen, context: ApplyContext): Promise<void> {
  for (const removal of plan.remove) await remove(removal, seen.deployment, context);
  if (plan.create === 0) return;
  const cache = await cacheClaimOf(seen, context);
  await inGrowingBatches(plan.create, () => createReplica(seen, cache, context));
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

/** The claim of the cache, made when there is none. It is never changed: what could be is immutable in our API too. */
async function cacheClaimOf(
  { deployment, acceptance }: Seen,
  { client, signal }: ApplyContext,
): Promise<PersistentVolumeClaim | undefined> {
  const claim = acceptance.accepted ? cacheClaim(deployment, acceptance.spec) : undefined;
  if (!claim) return undefined;
  const { namespace = '', name = '' } = claim.metadata;
  const existing = await client.get(persistentVolumeClaims, { namespace, name }, { signal }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (existing) return requireOurs(existing, deployment);
  try {
    return await client.create(persistentVolumeClaims, claim, { signal });
  } catch (error) {
    throw refusalOf(error) ?? error;
  }
}

function requireOurs(claim: PersistentVolumeClaim, { metadata: { uid = '' } }: ModelDeployment): PersistentVolumeClaim {
  const { name, ownerReferences = [], deletionTimestamp } = claim.metadata;
  if (!controllerUid(claim).includes(uid)) {
    const owner = ownerReferences.find(({ controller }) => controller);
    const whose = owner ? `belongs to ${owner.kind} ${owner.name} (UID ${owner.uid})` : 'belongs to no ModelDeployment';
    throw new Failure('CacheClaimTaken', `The PersistentVolumeClaim ${name} exists and ${whose}.`);
  }
  if (deletionTimestamp) throw new Failure('VolumeUnavailable', `The PersistentVolumeClaim ${name} is being deleted: new replicas wait.`);
  return claim;
}

async function createReplica(
  { deployment, template, revision }: Seen,
  cache: PersistentVolumeClaim | undefined,
  context: ApplyContext,
): Promise<void> {
  if (!template || revision === undefined) return;
  const { client, writes, random, signal, onCreated } = context;
  const key = keyOf(deployment);
  const name = writes.takeUncertain(key) ?? podName(deployment.metadata.name, random);
  const onOneNode = cache !== undefined && isOnOneNode(cache);
  try {
    const pod = await client.create(pods, buildPod(deployment, template, { name, revision, onOneNode }), { signal });
    writes.created(key, pod);
    onCreated(name);
  } catch (error) {
    if (isAlreadyExists(error)) {
      await adopt(name, deployment, context, error);
      return;
    }
    // No answer, or one that leaves open whether the write was done: try this name again, so that there cannot be two.
    if (!(error instanceof ApiError) || error.code >= 500) writes.uncertain(key, name);
    throw refusalOf(error) ?? error;
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
