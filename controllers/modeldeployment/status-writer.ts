import type { ModelDeployment, ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { modelDeploymentResource } from '../../src/api/resources.ts';
import type { Clock } from '../../src/core/clock.ts';
import { isNotFound, type KubeClient, keyOf, resourceType } from '../../src/kube/index.ts';
import { paceOf } from './status-pace.ts';

export const modelDeployments = resourceType<ModelDeployment>(modelDeploymentResource);

type Written = { readonly uid: string; readonly status: ModelDeploymentStatus; readonly resourceVersion: string; readonly at: number };

/** Writes statuses, each only when it tells something new and not too often. Remembers its own writes until the cache shows them. */
export class StatusWriter {
  private readonly client: Pick<KubeClient, 'apply'>;
  private readonly clock: Clock;
  private readonly written = new Map<string, Written>();

  constructor(client: Pick<KubeClient, 'apply'>, clock: Clock) {
    this.client = client;
    this.clock = clock;
  }

  /** The newest status that is known: of the cache, or our own when the cache is behind. */
  latest(deployment: ModelDeployment): ModelDeploymentStatus | undefined {
    const own = this.written.get(keyOf(deployment));
    if (!own || own.uid !== deployment.metadata.uid) return deployment.status;
    return isAtLeast(deployment.metadata.resourceVersion, own.resourceVersion) ? deployment.status : own.status;
  }

  /** Writes the status if it is time to. Answers in how many milliseconds to come again, undefined when all is told. */
  async write(deployment: ModelDeployment, status: ModelDeploymentStatus, signal: AbortSignal): Promise<number | undefined> {
    const key = keyOf(deployment);
    const own = this.written.get(key);
    const sinceLastWriteMs = own && own.uid === deployment.metadata.uid ? this.clock.now() - own.at : Number.POSITIVE_INFINITY;
    const pace = paceOf(this.latest(deployment), status, sinceLastWriteMs);
    if (pace === 'never') return undefined;
    if (pace !== 'now') return pace.afterMs;
    const { name, namespace, uid = '' } = deployment.metadata;
    try {
      const intent = { metadata: { name, ...(namespace !== undefined && { namespace }) }, status };
      const stored = await this.client.apply(modelDeployments, intent, { subresource: 'status', force: true, signal });
      this.written.set(key, { uid, status, resourceVersion: stored.metadata.resourceVersion ?? '', at: this.clock.now() });
    } catch (error) {
      if (!isNotFound(error)) throw error; // deleted meanwhile: nobody reads it any more
    }
    return undefined;
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.written.delete(key);
  }
}

/** Versions of one resource can be compared as whole numbers (KEP-5504); if these cannot, equality decides. */
function isAtLeast(version: string | undefined, than: string): boolean {
  if (version === undefined || version === than) return version === than;
  return /^\d+$/.test(version) && /^\d+$/.test(than) && BigInt(version) >= BigInt(than);
}
