import type { HorizontalPodAutoscalerCondition } from 'kubernetes-types/autoscaling/v2.js';
import type { MetricName } from '../../src/api/fleet-metrics.ts';
import type { Condition, ModelDeployment, ModelDeploymentStatus, ResolvedSpec } from '../../src/api/model-deployment.ts';
import { annotations } from '../../src/api/resources.ts';
import { findCondition, timestamp } from '../../src/kube/index.ts';
import type { Demand } from '../demand/demand.ts';
import type { HorizontalPodAutoscaler } from './autoscaler.ts';

type ScalingStatus = NonNullable<ModelDeploymentStatus['scaling']>;
type State = Pick<Condition, 'status' | 'reason' | 'message'>;

/** What is known of the scaling of a deployment. */
export type ScalingView = {
  readonly autoscaler: HorizontalPodAutoscaler | undefined;
  /** Why there is no autoscaler of ours. */
  readonly trouble: { readonly reason: string; readonly message: string } | undefined;
  /** Undefined when this controller asks no gateway. */
  readonly demand: Demand | undefined;
};

export type ScalingReport = {
  readonly deployment: Pick<ModelDeployment, 'metadata'>;
  readonly spec: Pick<ResolvedSpec, 'replicas' | 'scaling' | 'suspend'>;
  readonly view: ScalingView;
  /** Replicas that exist. */
  readonly standing: number;
  /** Requests that the replicas run, or that wait in them. */
  readonly atWorkers: number;
  readonly previous: ScalingStatus | undefined;
  readonly now: number;
};

const metric: MetricName = 'modelfleet_requests_in_system';

/** A value alone is told no oftener than this. */
const valuePaceMs = 30_000;

/** `status.scaling`: the one before while nothing but the value has changed, and that not long ago. Pure. */
export function scalingStatus(report: ScalingReport): ScalingStatus | undefined {
  const { spec, view, standing, previous, now } = report;
  if (!spec.scaling) return undefined;
  const value = requestsIn(report);
  // What an autoscaler wants it has written there; its own status may be from before the model slept.
  const desired = spec.suspend ? 0 : spec.replicas;
  const isFollowed = desired > 0 && view.autoscaler?.status?.desiredReplicas === desired;
  const limitedBy = isFollowed ? limitOf(view.autoscaler) : undefined;
  const isAsBefore = previous !== undefined && previous.desired === desired && previous.limitedBy === limitedBy;
  if (isAsBefore && (previous.value === value || restMs(previous, now) > 0)) return previous;
  return {
    metric,
    value,
    perReplica: standing > 0 ? perReplica(value / standing) : String(value),
    desired,
    ...(limitedBy !== undefined && { limitedBy }),
    observedAt: timestamp(now - (view.demand?.oldestMs ?? 0)),
  };
}

/** In how many milliseconds the value must be told again; undefined when `previous` has it. */
export function valueDueMs(report: ScalingReport): number | undefined {
  const { spec, previous, now } = report;
  if (!spec.scaling || !previous || previous.value === requestsIn(report)) return undefined;
  return Math.max(1, restMs(previous, now));
}

function restMs({ observedAt }: ScalingStatus, now: number): number {
  return Date.parse(observedAt) + valuePaceMs - now;
}

/** As the metric is served: what the gateways count, or what the workers have where that is more. */
function requestsIn({ view, atWorkers }: ScalingReport): number {
  return Math.max(view.demand?.inSystem ?? 0, atWorkers);
}

function perReplica(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** What keeps an autoscaler from more or from fewer, by the reasons that Kubernetes gives. */
function limitOf(autoscaler: HorizontalPodAutoscaler | undefined): string | undefined {
  const conditions = autoscaler?.status?.conditions;
  const limited = findCondition(conditions, 'ScalingLimited');
  const able = findCondition(conditions, 'AbleToScale');
  const reason = limited?.status === 'True' ? limited.reason : able?.reason;
  return reason === undefined ? undefined : limits[reason];
}

const limits: Readonly<Record<string, string>> = {
  TooManyReplicas: 'MaxReplicas',
  TooFewReplicas: 'MinReplicas',
  ScaleUpLimit: 'ScaleUpPolicies',
  ScaleDownLimit: 'ScaleDownPolicies',
  ScaleUpStabilized: 'ScaleUpWindow',
  ScaleDownStabilized: 'ScaleDownWindow',
};

/** The condition ScalingActive; undefined where nothing scales. Pure. */
export function scalingActive({ deployment, spec, view }: ScalingReport): State | undefined {
  if (!spec.scaling) return undefined;
  const { name } = deployment.metadata;
  if (spec.suspend) return { status: 'False', reason: 'Suspended', message: 'spec.suspend is true: nothing is scaled.' };
  if (view.trouble) return { status: 'False', ...view.trouble };
  if (!view.demand)
    return {
      status: 'False',
      reason: 'GatewaysNotAsked',
      message:
        'This controller asks no gateway how many requests there are, so nothing can be scaled on them: start it and the gateways with --stats-token-file.',
    };
  if (spec.replicas === 0) return atZero(deployment);
  const conditions = view.autoscaler?.status?.conditions;
  const active = findCondition(conditions, 'ScalingActive');
  const able = findCondition(conditions, 'AbleToScale');
  if (able?.status === 'False') return stateOf(able);
  // It has not looked since the model was woken.
  if (!active || active.reason === 'ScalingDisabled')
    return {
      status: 'Unknown',
      reason: 'WaitingForAutoscaler',
      message: `HorizontalPodAutoscaler ${name} has not been looked at yet; the cluster does that every 15 seconds.`,
    };
  return stateOf(active);
}

function atZero({ metadata }: Pick<ModelDeployment, 'metadata'>): State {
  const since = metadata.annotations?.[annotations.asleep];
  if (since !== undefined)
    return { status: 'True', reason: 'Asleep', message: `It sleeps since ${since}: no replica runs, the next request wakes it.` };
  const { name, namespace } = metadata;
  return {
    status: 'False',
    reason: 'ScaledToZeroByHand',
    message: `Somebody set spec.replicas to 0, and so it stays: kubectl scale mdep/${name} -n ${namespace} --replicas=1 hands it back to the autoscaler.`,
  };
}

function stateOf({ status, reason, message }: HorizontalPodAutoscalerCondition): State {
  return {
    status: status === 'True' || status === 'False' ? status : 'Unknown',
    reason: reason || 'Unknown',
    message: message ?? '',
  };
}
