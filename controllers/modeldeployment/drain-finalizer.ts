import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { drainFinalizer } from '../../src/api/resources.ts';
import { addFinalizer, hasFinalizer, isAtLeastVersion, type KubeClient, keyOf, removeFinalizer } from '../../src/kube/index.ts';
import type { Seen } from './gather.ts';
import type { Plan } from './plan.ts';
import { modelDeployments } from './status-writer.ts';

/** Time beside the drain for the pods to go: after it the deployment goes, and the garbage collector sees to what is left. */
const graceMs = 30_000;
/** On what is deleted with `--cascade=orphan`, until the garbage collector has let go of its dependents (metav1.FinalizerOrphanDependents). */
const orphanFinalizer = 'orphan';

/** Whether the deployment is deleted and its replicas are to live on without it. */
export function leavesOrphans({ metadata }: ModelDeployment): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(orphanFinalizer) === true;
}

/**
 * In how many milliseconds a deployment that is being deleted goes, whatever becomes of its replicas: 0 when nothing keeps it any more.
 * Pure; `now` in milliseconds.
 */
function releaseDueMs({ deployment, replicas, drainTimeoutMs }: Seen, now: number): number {
  if (leavesOrphans(deployment) || replicas.every(({ lost }) => lost)) return 0;
  const deletedAt = Date.parse(deployment.metadata.deletionTimestamp ?? '') || now;
  return Math.max(0, deletedAt + drainTimeoutMs + graceMs - now);
}

/** Keeps a deployment that has replicas until they have drained. Remembers what it wrote until the cache shows it. */
export class DrainFinalizer {
  private readonly client: Pick<KubeClient, 'get' | 'mergePatch'>;
  private readonly written = new Map<string, { readonly uid: string; readonly has: boolean; readonly resourceVersion?: string }>();

  constructor(client: Pick<KubeClient, 'get' | 'mergePatch'>) {
    this.client = client;
  }

  /** Sees to it before a replica serves. Answers whether replicas may be created: not when the deployment is going. */
  async ensure({ deployment, ending, replicas }: Seen, plan: Plan, signal: AbortSignal): Promise<boolean> {
    if (ending) return false;
    const needed = plan.create > 0 || replicas.some(({ leaving, finished }) => !leaving && !finished);
    if (!needed || this.has(deployment)) return true;
    const stored = await addFinalizer(this.client, modelDeployments, deployment, drainFinalizer, { signal });
    if (!stored) return false;
    const { uid = '', resourceVersion = '' } = stored.metadata;
    this.written.set(keyOf(deployment), { uid, has: true, resourceVersion });
    return true;
  }

  /** Lets a deployment go that is being deleted, once it is due. Answers in how many milliseconds it is; undefined when nothing keeps it here. */
  async release(seen: Seen, now: number, signal: AbortSignal): Promise<number | 'released' | undefined> {
    const { deployment } = seen;
    if (!deployment.metadata.deletionTimestamp || !this.has(deployment)) return undefined;
    const dueMs = releaseDueMs(seen, now);
    if (dueMs > 0) return dueMs;
    await removeFinalizer(this.client, modelDeployments, deployment, drainFinalizer, { signal });
    this.written.set(keyOf(deployment), { uid: deployment.metadata.uid ?? '', has: false });
    return 'released';
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.written.delete(key);
  }

  private has(deployment: ModelDeployment): boolean {
    const { uid, resourceVersion } = deployment.metadata;
    const own = this.written.get(keyOf(deployment));
    if (!own || own.uid !== uid || isAtLeastVersion(resourceVersion, own.resourceVersion)) return hasFinalizer(deployment, drainFinalizer);
    return own.has;
  }
}
