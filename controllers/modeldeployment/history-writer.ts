import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { annotations, labels } from '../../src/api/resources.ts';
import type { Clock } from '../../src/core/clock.ts';
import {
  type Draft,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeClient,
  keyOf,
  type MergePatch,
  refKey,
  type Store,
  timestamp,
} from '../../src/kube/index.ts';
import { ownerReference } from './builders/owner.ts';
import { type ControllerRevision, controllerRevisions } from './controller-revision.ts';
import { controllerUid } from './gather.ts';
import { type HistoryWish, planHistory, revisionName } from './history.ts';
import { OwnWrites } from './own-writes.ts';

/** Name of the index of ControllerRevisions by the deployment that their label names, `namespace/name`. */
export const byInstance = 'instance';

/** The key of the deployment that an object's label names. */
export function instanceKey({ metadata: { namespace, labels: carried } }: ControllerRevision): readonly string[] {
  const name = carried?.[labels.instance];
  return name ? [refKey({ namespace, name })] : [];
}

/** How many names of somebody else's are stepped over before we give up. */
const maxTaken = 5;

export type HistoryWriterOptions = {
  readonly client: Pick<KubeClient, 'create' | 'get' | 'mergePatch' | 'delete'>;
  readonly revisions: Pick<Store<ControllerRevision>, 'byIndex'>;
  readonly clock: Clock;
};

/** Keeps the ControllerRevisions of deployments: the history that a rollback goes back in. Writes only what changes it. */
export class HistoryWriter {
  private readonly options: HistoryWriterOptions;
  private readonly writes: OwnWrites<ControllerRevision>;

  constructor(options: HistoryWriterOptions) {
    this.options = options;
    this.writes = new OwnWrites(options.clock);
  }

  /** Brings the history of one deployment up to date. Throws what the server answered to the first write that failed. */
  async keep(deployment: ModelDeployment, wish: HistoryWish, signal: AbortSignal): Promise<void> {
    const key = keyOf(deployment);
    const plan = planHistory(deployment, wish, this.writes.overlay(key, this.options.revisions.byIndex(byInstance, key)));
    for (const revision of plan.adopt) await this.patch(key, revision, adoption(revision, deployment), signal);
    if (plan.create) await this.create(deployment, plan.create, signal);
    if (plan.renumber) await this.renumber(key, plan.renumber.revision, plan.renumber.to, signal);
    for (const revision of plan.remove) await this.remove(key, revision, signal);
  }

  /** In how many milliseconds to look again though nothing changes; undefined when there is no need. */
  expiresIn(key: string): number | undefined {
    return this.writes.expiresIn(key);
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.writes.forget(key);
  }

  private async create(deployment: ModelDeployment, draft: Draft<ControllerRevision>, signal: AbortSignal): Promise<void> {
    const { client } = this.options;
    const { namespace = '', uid = '' } = deployment.metadata;
    const hash = draft.metadata.labels?.[labels.revision] ?? '';
    for (let taken = 0; ; taken += 1) {
      const name = revisionName(deployment.metadata.name, hash, taken);
      try {
        const created = await client.create(controllerRevisions, { ...draft, metadata: { ...draft.metadata, name } }, { signal });
        this.writes.written(keyOf(deployment), created);
        return;
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
        const existing = await client.get(controllerRevisions, { namespace, name }, { signal });
        if (controllerUid(existing).includes(uid)) {
          // An earlier creation succeeded without telling, or somebody took its labels away and hid it from us.
          await this.patch(keyOf(deployment), existing, { metadata: { labels: draft.metadata.labels }, revision: draft.revision }, signal);
          return;
        }
        if (taken + 1 === maxTaken) throw error;
      }
    }
  }

  private renumber(key: string, revision: ControllerRevision, to: number, signal: AbortSignal): Promise<void> {
    const since = timestamp(this.options.clock.now());
    return this.patch(key, revision, { metadata: { annotations: { [annotations.currentSince]: since } }, revision: to }, signal);
  }

  private async patch(
    key: string,
    { metadata: { namespace, name, uid } }: ControllerRevision,
    patch: MergePatch<ControllerRevision>,
    signal: AbortSignal,
  ): Promise<void> {
    const ours = { ...patch, metadata: { ...patch.metadata, uid } };
    try {
      this.writes.written(key, await this.options.client.mergePatch(controllerRevisions, { namespace, name }, ours, { signal }));
    } catch (error) {
      // It changed or went meanwhile: the cache will tell.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  private async remove(key: string, revision: ControllerRevision, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid } = revision.metadata;
    try {
      await this.options.client.delete(controllerRevisions, { namespace, name }, { uid, signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    this.writes.removed(key, revision);
  }
}

function adoption({ metadata }: ControllerRevision, deployment: ModelDeployment): MergePatch<ControllerRevision> {
  const others = metadata.ownerReferences ?? [];
  return { metadata: { resourceVersion: metadata.resourceVersion, ownerReferences: [...others, ownerReference(deployment)] } };
}
