import { isDeepStrictEqual } from 'node:util';
import type { OwnerReference } from 'kubernetes-types/meta/v1.js';
import type { PodDisruptionBudget as ApiPodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import type { ModelDeployment, ResolvedSpec } from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import { type Draft, type MergePatch, resourceType, type Served } from '../../src/kube/index.ts';
import { ownerReference } from './builders/owner.ts';
import { controllerUid } from './gather.ts';

export type PodDisruptionBudget = Served<ApiPodDisruptionBudget>;

export const podDisruptionBudgets = resourceType<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
});

/** What to do about the budget of a deployment. */
export type BudgetPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'create'; readonly draft: Draft<PodDisruptionBudget> }
  /** Somebody changed it. */
  | { readonly do: 'correct'; readonly budget: PodDisruptionBudget; readonly patch: MergePatch<PodDisruptionBudget> }
  | { readonly do: 'remove'; readonly budget: PodDisruptionBudget }
  /** The name is taken by somebody else's. */
  | { readonly do: 'leave'; readonly budget: PodDisruptionBudget };

/**
 * Plans the PodDisruptionBudget of a deployment: one replica at a time may be evicted, and one that serves nothing always.
 * A single replica has none, for a budget would keep its node from being drained for ever. Pure.
 */
export function planBudget(deployment: ModelDeployment, spec: ResolvedSpec, existing: PodDisruptionBudget | undefined): BudgetPlan {
  const wanted = Math.max(spec.replicas, spec.scaling?.maxReplicas ?? 0) > 1;
  const own = budgetOf(deployment);
  if (!existing) return wanted ? { do: 'create', draft: own } : { do: 'nothing' };
  if (!isOurs(existing, deployment)) return wanted ? { do: 'leave', budget: existing } : { do: 'nothing' };
  if (existing.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  if (!wanted) return { do: 'remove', budget: existing };
  const metadata = metadataPatch(existing, own);
  const rules = specPatch(existing, own);
  if (!metadata && !rules) return { do: 'nothing' };
  const { uid, resourceVersion } = existing.metadata;
  return { do: 'correct', budget: existing, patch: { metadata: { ...metadata, uid, resourceVersion }, ...(rules && { spec: rules }) } };
}

/** Whether a budget is the deployment's, or was left behind by one of its name. */
function isOurs(budget: PodDisruptionBudget, { metadata: { name, uid } }: ModelDeployment): boolean {
  const [controller] = controllerUid(budget);
  if (controller !== undefined) return controller === uid;
  const { labels: carried } = budget.metadata;
  return carried?.[labels.managedBy] === 'modelfleet' && carried[labels.instance] === name;
}

type OwnBudget = {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly ownerReferences: OwnerReference[];
  };
  readonly spec: NonNullable<PodDisruptionBudget['spec']>;
};

function budgetOf(deployment: ModelDeployment): OwnBudget {
  const { name, namespace = '' } = deployment.metadata;
  return {
    metadata: {
      name,
      namespace,
      labels: { [labels.model]: name, [labels.instance]: name, [labels.managedBy]: 'modelfleet' },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: { [labels.model]: name } },
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  };
}

/** What of our own is missing in the metadata; others may add to it. */
function metadataPatch(
  { metadata }: PodDisruptionBudget,
  { metadata: own }: OwnBudget,
): MergePatch<PodDisruptionBudget['metadata']> | undefined {
  const carried = metadata.labels ?? {};
  const owners = metadata.ownerReferences ?? [];
  const labelled = Object.entries(own.labels).every(([name, value]) => carried[name] === value);
  const owned = own.ownerReferences.every((reference) => owners.some((owner) => isDeepStrictEqual(owner, reference)));
  if (labelled && owned) return undefined;
  const others = owners.filter(({ uid }) => !own.ownerReferences.some((reference) => reference.uid === uid));
  return { ...(!labelled && { labels: own.labels }), ...(!owned && { ownerReferences: [...others, ...own.ownerReferences] }) };
}

/** The whole spec is ours. */
function specPatch({ spec = {} }: PodDisruptionBudget, { spec: own }: OwnBudget): MergePatch<OwnBudget['spec']> | undefined {
  const isOwn =
    spec.minAvailable === undefined &&
    spec.maxUnavailable === own.maxUnavailable &&
    spec.unhealthyPodEvictionPolicy === own.unhealthyPodEvictionPolicy &&
    isDeepStrictEqual(spec.selector, own.selector);
  if (isOwn) return undefined;
  const foreign = Object.fromEntries(Object.keys(spec.selector?.matchLabels ?? {}).map((name) => [name, null]));
  const matchLabels = { ...foreign, ...own.selector?.matchLabels };
  return { ...own, minAvailable: null, selector: { matchLabels, matchExpressions: null } };
}
