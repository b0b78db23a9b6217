import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { labels, modelDeploymentResource } from '../../src/api/resources.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import {
  ApiError,
  type EventRecorder,
  type Informer,
  type InformerCache,
  isConflict,
  isNotFound,
  type KubeClient,
  keyOf,
  lately,
  type MergePatch,
  owns,
  type Pod,
  type Predicate,
  pods,
  type Selection,
  type Source,
  type Store,
  watches,
} from '../../src/kube/index.ts';
import { ChildWriter } from './child-writer.ts';
import { type ControllerRevision, controllerRevisions } from './controller-revision.ts';
import { type PodDisruptionBudget, planBudget, podDisruptionBudgets } from './disruption-budget.ts';
import { byController, controllerUid, type Seen } from './gather.ts';
import { byInstance, HistoryWriter, instanceKey } from './history-writer.ts';
import { adopterKey, adoption, byModel, modelKey, planClaims, release, straySelector } from './ownership.ts';
import type { PendingWrites } from './pending-writes.ts';
import { modelDeployments } from './status-writer.ts';

/** Where the duties look. */
export type DutySight = {
  /** Pods with our label, indexed by controller and by model. */
  readonly pods: Pick<Store<Pod>, 'byIndex'>;
  /** Our pods that have lost that label, indexed by controller. */
  readonly strays: Pick<Store<Pod>, 'byIndex'>;
  readonly revisions: Pick<Store<ControllerRevision>, 'byIndex'>;
  readonly budgets: Pick<Store<PodDisruptionBudget>, 'get'>;
  readonly writes: PendingWrites;
};

/** What the duties must know of a deployment. */
type DutySeen = Pick<Seen, 'deployment' | 'ending' | 'acceptance' | 'revision' | 'replicas'>;

export type DutiesOptions = {
  readonly client: Pick<KubeClient, 'create' | 'get' | 'mergePatch' | 'delete'>;
  readonly clock: Clock;
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
};

const taken = {
  reason: 'DisruptionBudgetTaken',
  message: (name: string) =>
    `A PodDisruptionBudget ${name} exists that is not this deployment's: it is left alone and its replicas are not protected by one of their own. Rename or delete it.`,
};

/** What a deployment owes its pods beside their number, as a ReplicaSet does: who owns them, a history to go back in, a disruption budget. */
export class Duties {
  private readonly sight: DutySight;
  private readonly options: DutiesOptions;
  private readonly history: HistoryWriter;
  private readonly budgets: ChildWriter<PodDisruptionBudget>;

  constructor(sight: DutySight, options: DutiesOptions) {
    this.sight = sight;
    this.options = options;
    this.history = new HistoryWriter({ ...options, revisions: sight.revisions });
    this.budgets = new ChildWriter({ ...options, type: podDisruptionBudgets, children: sight.budgets, plan: planBudget, taken });
  }

  /**
   * Adopts and releases pods. Answers whether anything was done: then the replicas are others than before, in `writes` at once.
   * To be called before replicas are planned, so that none is made in the place of one that is there.
   */
  async claim({ deployment, ending }: Pick<Seen, 'deployment' | 'ending'>, logger: Logger, signal: AbortSignal): Promise<boolean> {
    if (ending) return false;
    const claims = planClaims(deployment, this.candidates(deployment));
    const key = keyOf(deployment);
    const adopt = claims.adopt.length > 0 && (await this.mayAdopt(deployment, signal)) ? claims.adopt : [];
    for (const pod of adopt) {
      const adopted = await this.patch(pod, adoption(pod, deployment), signal);
      if (!adopted) continue;
      this.sight.writes.created(key, adopted);
      logger.info({ pod: pod.metadata.name }, 'pod adopted');
      const message = `Adopted pod ${pod.metadata.name}: it has the label of this deployment and no other owner.`;
      this.options.events?.event(deployment, 'Normal', 'ReplicaAdopted', message);
    }
    for (const pod of claims.release) {
      const released = await this.patch(pod, release(pod, deployment), signal);
      if (!released) continue;
      this.sight.writes.deleted(key, pod.metadata.uid ?? '');
      logger.info({ pod: pod.metadata.name }, 'pod released');
      const message = `Released pod ${pod.metadata.name}: its label ${labels.model} names this deployment no longer. It runs on and is nobody's.`;
      this.options.events?.event(deployment, 'Normal', 'ReplicaReleased', message);
    }
    return adopt.length + claims.release.length > 0;
  }

  /**
   * Keeps the history and the disruption budget. To be called after the pods were written. Answers in how many milliseconds
   * to look again though nothing changes, undefined when there is no need. Throws what the server answered to a write that failed.
   */
  async keep({ deployment, ending, acceptance, revision, replicas }: DutySeen, signal: AbortSignal): Promise<number | undefined> {
    if (ending || !acceptance.accepted || revision === undefined) return undefined;
    const { spec } = acceptance;
    const live = new Set(replicas.map((replica) => replica.revision));
    await this.history.keep(deployment, { revision, live, limit: spec.rollout.revisionHistoryLimit }, signal);
    const waits = [this.history.expiresIn(keyOf(deployment)), await this.budgets.keep(deployment, spec, signal)];
    const soonest = Math.min(...waits.filter((ms) => ms !== undefined));
    return Number.isFinite(soonest) ? soonest : undefined;
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.history.forget(key);
    this.budgets.forget(key);
  }

  /** The pods that are the deployment's, or may become it. */
  private candidates(deployment: ModelDeployment): readonly Pod[] {
    const { uid = '' } = deployment.metadata;
    const { pods: known, strays } = this.sight;
    const found = [...known.byIndex(byModel, keyOf(deployment)), ...known.byIndex(byController, uid), ...strays.byIndex(byController, uid)];
    return [...new Map(found.map((pod) => [pod.metadata.uid ?? '', pod])).values()];
  }

  /** Asks the server, for the cache may be late: what is being deleted, or is another by now, must not take anything (kubernetes#42639). */
  private async mayAdopt({ metadata: { namespace, name, uid } }: ModelDeployment, signal: AbortSignal): Promise<boolean> {
    try {
      const { metadata } = await this.options.client.get(modelDeployments, { namespace, name }, { signal });
      return metadata.uid === uid && metadata.deletionTimestamp === undefined;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** The pod as patched; undefined when it has changed or gone meanwhile, or somebody else took it: the cache will tell. */
  private async patch({ metadata: { namespace, name } }: Pod, patch: MergePatch<Pod>, signal: AbortSignal): Promise<Pod | undefined> {
    try {
      return await this.options.client.mergePatch<Pod>(pods, { namespace, name }, patch, { signal });
    } catch (error) {
      if (isNotFound(error) || isConflict(error) || (error instanceof ApiError && error.reason === 'Invalid')) return undefined;
      throw error;
    }
  }
}

/** The informers that the duties need beside that of pods, and what of theirs calls for a reconcile. */
export function watchDuties(
  cache: InformerCache,
  scope: Pick<Selection, 'namespace'>,
  replicas: Informer<Pod>,
): { readonly sight: Omit<DutySight, 'writes'>; readonly sources: readonly Source[] } {
  const managed = { ...scope, labelSelector: `${labels.managedBy}=modelfleet` };
  replicas.addIndexer(byModel, modelKey);
  const strays = cache.informer(pods, { ...scope, labelSelector: straySelector, indexers: { [byController]: controllerUid } });
  const revisions = cache.informer(controllerRevisions, { ...managed, indexers: { [byInstance]: instanceKey } });
  const budgets = cache.informer(podDisruptionBudgets, { ...managed, late: true });
  return {
    sight: { pods: replicas.store, strays: strays.store, revisions: revisions.store, budgets: budgets.store },
    sources: [
      watches(replicas, adopterKey),
      owns(strays, modelDeploymentResource),
      owns(revisions, modelDeploymentResource),
      lately(owns(budgets, modelDeploymentResource, moreThanStatus)),
    ],
  };
}

/** Drops updates of the status alone: that of a budget changes with every pod. */
const moreThanStatus: Predicate = (change) => {
  if (change.type !== 'update') return true;
  const { old, object } = change;
  const said = ({ metadata: { generation, labels: carried, ownerReferences, deletionTimestamp } }: typeof object) =>
    JSON.stringify([generation, carried, ownerReferences, deletionTimestamp]);
  return said(old) !== said(object);
};
