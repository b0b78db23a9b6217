import type { HorizontalPodAutoscalerSpec, MetricSpec } from 'kubernetes-types/autoscaling/v2.js';
import { type MetricName, modelLabel } from '../../src/api/fleet-metrics.ts';
import type { ModelDeployment, ResolvedSpec } from '../../src/api/model-deployment.ts';
import { apiVersion, modelDeploymentResource } from '../../src/api/resources.ts';
import { parseDuration } from '../../src/core/durations.ts';
import { type ChildPlan, childMetadata, isOurs, metadataPatch } from '../modeldeployment/child.ts';
import type { HorizontalPodAutoscaler } from './autoscaler.ts';
import { behaviorOf, withoutOldTolerance } from './behavior.ts';
import { covers } from './covers.ts';
import { quantity } from './quantity.ts';

type Scaling = NonNullable<ResolvedSpec['scaling']>;

/**
 * Plans the autoscaler of a deployment: there is one while `spec.scaling` is set, also while the model sleeps. Pure.
 * It does 1 to N alone; between 0 and 1 it does nothing, because a model is woken in less time than it looks around.
 */
export function planAutoscaler(
  deployment: ModelDeployment,
  { scaling }: Pick<ResolvedSpec, 'scaling'>,
  existing: HorizontalPodAutoscaler | undefined,
): ChildPlan<HorizontalPodAutoscaler> {
  if (!existing)
    return scaling
      ? { do: 'create', draft: { metadata: childMetadata(deployment), spec: autoscalerSpec(deployment, scaling) } }
      : { do: 'nothing' };
  if (!isOurs(existing, deployment)) return scaling ? { do: 'leave', existing } : { do: 'nothing' };
  if (existing.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  if (!scaling) return { do: 'remove', existing };
  const metadata = metadataPatch(existing, childMetadata(deployment));
  const wanted = autoscalerSpec(deployment, scaling);
  const spec = { ...wanted, behavior: withoutOldTolerance(wanted.behavior) };
  const isCurrent = covers(existing.spec, spec);
  if (!metadata && isCurrent) return { do: 'nothing' };
  const { uid, resourceVersion } = existing.metadata;
  return { do: 'correct', existing, patch: { metadata: { ...metadata, uid, resourceVersion }, ...(!isCurrent && { spec }) } };
}

function autoscalerSpec(deployment: ModelDeployment, scaling: Scaling) {
  const { name } = deployment.metadata;
  return {
    scaleTargetRef: { apiVersion, kind: modelDeploymentResource.kind, name },
    minReplicas: Math.max(1, scaling.minReplicas),
    maxReplicas: scaling.maxReplicas,
    metrics: metricsOf(name, scaling),
    behavior: behaviorOf(deployment, scaling.behavior),
  } satisfies HorizontalPodAutoscalerSpec;
}

/** An autoscaler follows the one that asks for most. */
function metricsOf(model: string, scaling: Scaling): MetricSpec[] {
  const { targetRequestsPerReplica, targetKVCacheUsage, targetTimeToFirstToken } = scaling;
  const external = (name: MetricName, target: NonNullable<MetricSpec['external']>['target']): MetricSpec => ({
    type: 'External',
    external: { metric: { name, selector: { matchLabels: { [modelLabel]: model } } }, target },
  });
  return [
    external('modelfleet_requests_in_system', { type: 'AverageValue', averageValue: quantity(targetRequestsPerReplica) }),
    // Not a sum over replicas: by the ratio of value and target the autoscaler sees how many more are needed.
    ...(targetKVCacheUsage === undefined
      ? []
      : [external('modelfleet_kv_cache_usage', { type: 'Value', value: quantity(Number(targetKVCacheUsage)) })]),
    ...(targetTimeToFirstToken === undefined
      ? []
      : [
          external('modelfleet_time_to_first_token_seconds', {
            type: 'Value',
            value: quantity(parseDuration(targetTimeToFirstToken) / 1000),
          }),
        ]),
  ];
}
