import type { HorizontalPodAutoscalerStatus } from 'kubernetes-types/autoscaling/v2.d.ts';
import type { HorizontalPodAutoscaler } from '../../../controllers/scaling/autoscaler.ts';
import { type Condition, setCondition, timestamp } from '../../kube/index.ts';
import type { Decision, Finding } from './hpa.ts';
import { currentMetrics } from './object.ts';
import type { MetricReading } from './recommend.ts';

/** What an autoscaler's status says after a decision. */
export function statusAfter(
  autoscaler: HorizontalPodAutoscaler,
  decision: Decision,
  readings: readonly MetricReading[],
  { specReplicas, statusReplicas }: { readonly specReplicas: number; readonly statusReplicas: number },
  now: number,
): HorizontalPodAutoscalerStatus {
  const scaled = decision.replicas !== specReplicas;
  const able: Finding = scaled
    ? { status: 'True', reason: 'SucceededRescale', message: `the target scale was updated to ${decision.replicas}` }
    : decision.stabilized;
  const findings = { AbleToScale: able, ScalingActive: decision.scalingActive, ScalingLimited: decision.scalingLimited };
  const { lastScaleTime } = autoscaler.status ?? {};
  return {
    ...(scaled ? { lastScaleTime: timestamp(now) } : lastScaleTime !== undefined && { lastScaleTime }),
    currentReplicas: statusReplicas,
    desiredReplicas: decision.replicas,
    currentMetrics: currentMetrics(autoscaler, readings, statusReplicas),
    conditions: [
      ...Object.entries(findings).reduce(
        (conditions, [type, finding]) => setCondition(conditions, { type, ...finding }, now),
        conditionsOf(autoscaler),
      ),
    ],
  };
}

/** The status of one that cannot decide at all: what it said last, and why. */
export function failedStatus(
  autoscaler: HorizontalPodAutoscaler,
  type: 'AbleToScale' | 'ScalingActive',
  reason: string,
  message: string,
  now: number,
): HorizontalPodAutoscalerStatus {
  const conditions = setCondition(conditionsOf(autoscaler), { type, status: 'False', reason, message }, now);
  return { desiredReplicas: 0, ...autoscaler.status, conditions: [...conditions] };
}

function conditionsOf({ status }: HorizontalPodAutoscaler): readonly Condition[] {
  return (status?.conditions ?? []).map(({ type, status, reason = '', message = '', lastTransitionTime = '' }) => ({
    type,
    status: status === 'True' || status === 'False' ? status : 'Unknown',
    reason,
    message,
    lastTransitionTime,
  }));
}
