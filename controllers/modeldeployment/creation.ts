import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import type { Random } from '../../src/core/clock.ts';
import { ApiError, isAlreadyExists, type KubeClient, keyOf, pods } from '../../src/kube/index.ts';
import { inGrowingBatches } from './batches.ts';
import { isOnOneNode } from './builders/cache-claim.ts';
import { buildPod } from './builders/pod.ts';
import { ensureCacheClaim } from './cache-claim-writer.ts';
import { controllerUid, type Seen } from './gather.ts';
import type { PendingWrites } from './pending-writes.ts';
import { refusalOf } from './refusal.ts';

type CreationContext = {
  readonly client: Pick<KubeClient, 'get' | 'create'>;
  readonly writes: PendingWrites;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onCreated: (pod: string) => void;
  /** They are made again in an older revision. */
  readonly restored?: boolean;
};

/**
 * Creates this many replicas, and before them the claim of their cache. Throws what the server answered to the first creation that failed;
 * a Failure when it is refused and only somebody's change can help.
 */
export async function createReplicas(count: number, seen: Seen, context: CreationContext): Promise<void> {
  if (count === 0) return;
  const cache = await ensureCacheClaim(seen, context.client, context.signal);
  const onOneNode = cache !== undefined && isOnOneNode(cache);
  await inGrowingBatches(Array.from({ length: count }), () => createReplica(seen, onOneNode, context));
}

async function createReplica({ deployment, template, revision }: Seen, onOneNode: boolean, context: CreationContext): Promise<void> {
  if (!template || revision === undefined) return;
  // What the user's template misspells would be dropped in silence; what we write ourselves need not be read twice.
  const fieldValidation = deployment.spec.template === undefined ? undefined : 'Strict';
  const { client, writes, random, signal, onCreated, restored = false } = context;
  const key = keyOf(deployment);
  const name = writes.takeUncertain(key) ?? podName(deployment.metadata.name, random);
  try {
    const draft = buildPod(deployment, template, { name, revision, onOneNode, restored });
    const pod = await client.create(pods, draft, { signal, fieldValidation });
    writes.created(key, pod);
    onCreated(name);
  } catch (error) {
    if (isAlreadyExists(error)) {
      await recognise(name, deployment, context, error);
      return;
    }
    // No answer, or one that leaves open whether the write was done: try this name again, so that there cannot be two.
    if (!(error instanceof ApiError) || error.code >= 500) writes.uncertain(key, name);
    throw refusalOf(error) ?? error;
  }
}

/** A pod of that name exists: it is ours if an earlier creation succeeded without telling. */
async function recognise(name: string, deployment: ModelDeployment, context: CreationContext, cause: unknown): Promise<void> {
  const { client, writes, signal } = context;
  const { namespace, uid = '' } = deployment.metadata;
  const existing = await client.get(pods, { namespace, name }, { signal });
  if (!controllerUid(existing).includes(uid)) throw cause;
  writes.created(keyOf(deployment), existing);
}

// As apiserver names: no vowels and no digits that look like letters, so that no word appears.
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

function podName(deployment: string, random: Random): string {
  return `${deployment}-${Array.from({ length: 5 }, () => alphabet[Math.floor(random() * alphabet.length)] ?? 'x').join('')}`;
}
