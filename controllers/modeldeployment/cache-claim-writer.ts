import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { Failure } from '../../src/core/failure.ts';
import { isNotFound, type KubeClient } from '../../src/kube/index.ts';
import { cacheClaim, type PersistentVolumeClaim, persistentVolumeClaims } from './builders/cache-claim.ts';
import { controllerUid, type Seen } from './gather.ts';
import { refusalOf } from './refusal.ts';

/**
 * The claim of the cache, made when there is none; undefined when the cache needs none. It is never changed: what could be is immutable
 * in our API too. Throws a Failure when only somebody's change can help.
 */
export async function ensureCacheClaim(
  { deployment, acceptance }: Pick<Seen, 'deployment' | 'acceptance'>,
  client: Pick<KubeClient, 'get' | 'create'>,
  signal: AbortSignal,
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
