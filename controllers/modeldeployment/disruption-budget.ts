import { isDeepStrictEqual } from 'node:util';
import type { PodDisruptionBudget as ApiPodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import type { ModelDeployment, ResolvedSpec } from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import { type MergePatch, resourceType, type Served } from '../../src/kube/index.ts';
import { type ChildMetadata, type ChildPlan, childMetadata, isOurs, metadataPatch } from './child.ts';

export type PodDisruptionBudget = Served<ApiPodDisruptionBudget>;

export const podDisruptionBudgets = resourceType<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
});

/**
 * Plans the PodDisruptionBudget of a deployment: one replica at a time may be evicted, and one that serves nothing always.
 * A single replica has none, for a budget would keep its node from being drained for ever. Pure.
 */
export function planBudget(
  deployment: ModelDeployment,
  spec: ResolvedSpec,
  existing: PodDisruptionBudget | undefined,
): ChildPlan<PodDisruptionBudget> {
  const wanted = Math.max(spec.replicas, spec.scaling?.maxReplicas ?? 0) > 1;
  const own = budgetOf(deployment);
  if (!existing) return wanted ? { do: 'create', draft: own } : { do: 'nothing' };
  if (!isOurs(existing, deployment)) return wanted ? { do: 'leave', existing } : { do: 'nothing' };
  if (existing.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  if (!wanted) return { do: 'remove', existing };
  const metadata = metadataPatch(existing, own.metadata);
  const rules = specPatch(existing, own);
  if (!metadata && !rules) return { do: 'nothing' };
  const { uid, resourceVersion } = existing.metadata;
  return { do: 'correct', existing, patch: { metadata: { ...metadata, uid, resourceVersion }, ...(rules && { spec: rules }) } };
}

type OwnBudget = { readonly metadata: ChildMetadata; readonly spec: NonNullable<PodDisruptionBudget['spec']> };

function budgetOf(deployment: ModelDeployment): OwnBudget {
  return {
    metadata: childMetadata(deployment),
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: { [labels.model]: deployment.metadata.name } },
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  };
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
