import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import { revisionData } from '../../src/api/revision-data.ts';
import type { Draft } from '../../src/kube/index.ts';
import { ownerReference } from './builders/owner.ts';
import type { ControllerRevision } from './controller-revision.ts';
import { controllerUid } from './gather.ts';

/** What the history is made of. */
export type HistoryWish = {
  /** The revision that new replicas get. */
  readonly revision: string;
  /** The revisions of replicas that are there. */
  readonly live: ReadonlySet<string>;
  /** `rollout.revisionHistoryLimit`: how many others are kept. */
  readonly limit: number;
};

/** What to do so that the history has each revision once, the current one with the highest number. */
export type HistoryPlan = {
  readonly create?: Draft<ControllerRevision> | undefined;
  /** The current revision came back: it gets the next number. */
  readonly renumber?: { readonly revision: ControllerRevision; readonly to: number } | undefined;
  /** Left behind by a deployment of the same name: they become this one's. */
  readonly adopt: readonly ControllerRevision[];
  readonly remove: readonly ControllerRevision[];
};

/**
 * Plans the ControllerRevisions of a deployment from those that carry its labels. Pure.
 * What identifies a revision is its hash, not its number or its name: the same hash means the same pods, however the spec was written.
 */
export function planHistory(deployment: ModelDeployment, wish: HistoryWish, existing: readonly ControllerRevision[]): HistoryPlan {
  const { uid = '' } = deployment.metadata;
  const standing = existing.filter((one) => one.metadata.deletionTimestamp === undefined);
  const adopt = standing.filter((one) => controllerUid(one).length === 0);
  const own = standing.filter((one) => adopt.includes(one) || controllerUid(one).includes(uid)).sort(byNumber);
  const current = own.filter((one) => hashOf(one) === wish.revision).at(-1);
  const newest = own.at(-1);
  const former = own.filter((one) => one !== current && !wish.live.has(hashOf(one)));
  const remove = former.slice(0, Math.max(0, former.length - wish.limit));
  const plan = { adopt: adopt.filter((one) => !remove.includes(one)), remove };
  const next = (newest?.revision ?? 0) + 1;
  if (!current) return { ...plan, create: draft(deployment, wish.revision, next) };
  return current === newest ? plan : { ...plan, renumber: { revision: current, to: next } };
}

/** The revision whose pods a ControllerRevision describes. */
export function hashOf({ metadata }: ControllerRevision): string {
  return metadata.labels?.[labels.revision] ?? '';
}

/** The name for a revision when `taken` names are somebody else's: a hash says little, so another workload may have the same. */
export function revisionName(deployment: string, revision: string, taken = 0): string {
  return taken === 0 ? `${deployment}-${revision}` : `${deployment}-${revision}-${taken}`;
}

function draft(deployment: ModelDeployment, revision: string, number: number): Draft<ControllerRevision> {
  const { name, namespace = '' } = deployment.metadata;
  return {
    metadata: {
      name: revisionName(name, revision),
      namespace,
      labels: { [labels.instance]: name, [labels.managedBy]: 'modelfleet', [labels.revision]: revision },
      ownerReferences: [ownerReference(deployment)],
    },
    data: revisionData(deployment),
    revision: number,
  };
}

function byNumber(a: ControllerRevision, b: ControllerRevision): number {
  return a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1);
}
