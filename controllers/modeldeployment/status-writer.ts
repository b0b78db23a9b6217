import type { ModelDeployment, ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { modelDeploymentResource } from '../../src/api/resources.ts';
import type { Clock } from '../../src/core/clock.ts';
import { isAtLeastVersion, isConflict, isNotFound, type KubeClient, keyOf, resourceType } from '../../src/kube/index.ts';
import { paceOf } from './status-pace.ts';

export const modelDeployments = resourceType<ModelDeployment>(modelDeploymentResource);

type Written = {
  readonly uid: string;
  readonly status: ModelDeploymentStatus;
  readonly resourceVersion: string;
  readonly finalizers: readonly string[];
  readonly at: number;
};

/** What became of a status: stored, or not yet or not at all; and in how many milliseconds to come again, undefined when all is told. */
type Outcome = { readonly stored: boolean; readonly dueMs: number | undefined };

const conflictRetryMs = 1_000;

/** Writes statuses, each only when it tells something new and not too often. Remembers its own writes until the cache shows them. */
export class StatusWriter {
  private readonly client: Pick<KubeClient, 'apply'>;
  private readonly clock: Clock;
  private readonly written = new Map<string, Written>();
  /** Keys of the deployments whose status, as it was written, says that they load. */
  private readonly loading = new Set<string>();

  constructor(client: Pick<KubeClient, 'apply'>, clock: Clock) {
    this.client = client;
    this.clock = clock;
  }

  /** The newest status that is known: of the cache, or our own when the cache is behind. */
  latest(deployment: ModelDeployment): ModelDeploymentStatus | undefined {
    const own = this.written.get(keyOf(deployment));
    if (!own || own.uid !== deployment.metadata.uid) return deployment.status;
    return isAtLeastVersion(deployment.metadata.resourceVersion, own.resourceVersion) ? deployment.status : own.status;
  }

  /** The deployment with the version and the finalizers that our last write was answered with, when the cache is behind. */
  newest(deployment: ModelDeployment): ModelDeployment {
    const own = this.written.get(keyOf(deployment));
    const { metadata } = deployment;
    if (!own || own.uid !== metadata.uid || isAtLeastVersion(metadata.resourceVersion, own.resourceVersion)) return deployment;
    return { ...deployment, metadata: { ...metadata, resourceVersion: own.resourceVersion, finalizers: [...own.finalizers] } };
  }

  /** Writes the status if it is time to. */
  async write(deployment: ModelDeployment, status: ModelDeploymentStatus, signal: AbortSignal): Promise<Outcome> {
    const key = keyOf(deployment);
    const own = this.written.get(key);
    const sinceLastWriteMs = own && own.uid === deployment.metadata.uid ? this.clock.now() - own.at : Number.POSITIVE_INFINITY;
    const pace = paceOf(this.latest(deployment), status, sinceLastWriteMs, this.loading.size);
    if (pace === 'never') return { stored: false, dueMs: undefined };
    if (pace !== 'now') return { stored: false, dueMs: pace.afterMs };
    const { name, namespace, uid } = deployment.metadata;
    try {
      // With its UID: a deployment of the same name made after this one was deleted must not get its status.
      const metadata = { name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) };
      const stored = await this.client.apply(modelDeployments, { metadata, status }, { subresource: 'status', force: true, signal });
      const { resourceVersion = '', finalizers = [] } = stored.metadata;
      this.written.set(key, { uid: uid ?? '', status, resourceVersion, finalizers, at: this.clock.now() });
      if (status.loading) this.loading.add(key);
      else this.loading.delete(key);
      return { stored: true, dueMs: undefined };
    } catch (error) {
      if (isNotFound(error)) return { stored: false, dueMs: undefined }; // deleted meanwhile: nobody reads it any more
      if (isConflict(error)) return { stored: false, dueMs: conflictRetryMs }; // many write it at once, or it is another: look again
      throw error;
    }
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.written.delete(key);
    this.loading.delete(key);
  }
}
