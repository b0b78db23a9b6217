import type { Behavior, ScalingPolicy, ScalingRules } from './behavior.ts';
import { changeWithin, firstHistory, type History, withRecommendation } from './history.ts';
import { type MetricReading, recommend, type Scale, toleranceOf } from './recommend.ts';

/** What an autoscaler is told. */
export type HpaSpec = { readonly minReplicas: number; readonly maxReplicas: number; readonly behavior: Behavior };

/** What the rule may know of the world. */
export type Seen = { readonly scale: Scale; readonly readings: readonly MetricReading[] };

/** A condition of a HorizontalPodAutoscaler. */
export type Finding = { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string };

export type Decision = {
  /** What to write into the scale subresource; the same number when nothing is to be written. */
  readonly replicas: number;
  /** Which metric asks for most, where metrics decide. */
  readonly metric?: string;
  /** Hand it in at the next decision, with the change added by `withScale` once it is written. */
  readonly history: History;
  readonly scalingActive: Finding;
  /** Whether past recommendations hold the fleet where it is. */
  readonly stabilized: Finding;
  /** Whether a limit keeps the fleet from what the metrics ask for. */
  readonly scalingLimited: Finding;
};

/**
 * Decides how many replicas there shall be: the published algorithm of the HorizontalPodAutoscaler (autoscaling/v2) for External and Object metrics.
 * Pure: what it remembers comes and goes as `history`; undefined for an autoscaler seen for the first time. `now` is in milliseconds.
 * Source: "Horizontal Pod Autoscaling" in the Kubernetes documentation, sections "Algorithm details" and "Configurable scaling behavior",
 * and where it leaves a choice, `reconcileAutoscaler` of Kubernetes' podautoscaler/horizontal.go. Without `behavior` the documented defaults apply.
 */
export function decide(spec: HpaSpec, seen: Seen, past: History | undefined, now: number): Decision {
  const current = seen.scale.specReplicas;
  const history = past ?? firstHistory(current, now);
  const outright = (replicas: number, scalingActive: Finding): Decision => ({
    replicas,
    history,
    scalingActive,
    stabilized: ready,
    scalingLimited: withinRange,
  });
  if (current === 0 && spec.minReplicas !== 0) return outright(0, disabled);
  if (current > spec.maxReplicas) return outright(spec.maxReplicas, forced('above spec.maxReplicas'));
  if (current < spec.minReplicas) return outright(spec.minReplicas, forced('below spec.minReplicas'));

  const recommended = recommend(seen.readings, seen.scale, toleranceOf(spec.behavior));
  if (recommended.kind === 'unknown') return outright(current, failed(recommended.why));
  const held = stabilize(recommended.replicas, current, history, spec.behavior, now);
  const limited = limit(held.replicas, current, history, spec, now);
  return {
    replicas: limited.replicas,
    metric: recommended.metric,
    history: withRecommendation(history, recommended.replicas, longestWindowMs(spec.behavior), now),
    scalingActive: {
      status: 'True',
      reason: 'ValidMetricFound',
      message: `the replica count was calculated from ${recommended.metric}`,
    },
    stabilized: held.finding,
    scalingLimited: limited.finding,
  };
}

type Step = { readonly replicas: number; readonly finding: Finding };

/** Follows the lowest recommendation of the window upwards and the highest downwards; between the two nothing changes. */
function stabilize(wanted: number, current: number, history: History, { scaleUp, scaleDown }: Behavior, now: number): Step {
  const within = ({ stabilizationWindowSeconds }: ScalingRules) =>
    history.recommendations.filter(({ at }) => at > now - stabilizationWindowSeconds * 1000).map(({ replicas }) => replicas);
  const up = Math.min(wanted, ...within(scaleUp));
  const down = Math.max(wanted, ...within(scaleDown));
  const replicas = Math.min(Math.max(current, up), down);
  if (replicas === wanted) return { replicas, finding: ready };
  const finding: Finding =
    wanted >= current
      ? { status: 'True', reason: 'ScaleUpStabilized', message: `a recent recommendation was lower than ${wanted}: the lowest is followed` }
      : {
          status: 'True',
          reason: 'ScaleDownStabilized',
          message: `a recent recommendation was higher than ${wanted}: the highest is followed`,
        };
  return { replicas, finding };
}

/** Keeps to the policies, and to the fewest and most replicas. */
function limit(wanted: number, current: number, history: History, spec: HpaSpec, now: number): Step {
  if (wanted > current) {
    const rate = Math.max(current, reachable('up', current, history, spec.behavior.scaleUp, now));
    const most = Math.min(spec.maxReplicas, rate);
    if (wanted > most) return { replicas: most, finding: rate < spec.maxReplicas ? tooFast('increasing') : outOfRange('more', 'most') };
  }
  if (wanted < current) {
    const rate = Math.min(current, reachable('down', current, history, spec.behavior.scaleDown, now));
    const fewest = Math.max(spec.minReplicas, rate);
    if (wanted < fewest)
      return { replicas: fewest, finding: rate > spec.minReplicas ? tooFast('decreasing') : outOfRange('less', 'fewest') };
  }
  return { replicas: wanted, finding: withinRange };
}

/** As far as the policies of one direction allow. Each counts from what there was when its period began. */
function reachable(direction: 'up' | 'down', current: number, history: History, rules: ScalingRules, now: number): number {
  if (rules.selectPolicy === 'Disabled') return current;
  const reaches = rules.policies.map((policy) => reach(direction, current - changeWithin(history, policy.periodSeconds, now), policy));
  return (direction === 'up') === (rules.selectPolicy === 'Max') ? Math.max(...reaches) : Math.min(...reaches);
}

function reach(direction: 'up' | 'down', start: number, { type, value }: ScalingPolicy): number {
  if (type === 'Pods') return direction === 'up' ? start + value : start - value;
  // Rounded in favour of the change: else one replica would never become two, nor the last ones go.
  return direction === 'up' ? Math.ceil(start * (1 + value / 100)) : Math.trunc(start * (1 - value / 100));
}

function longestWindowMs({ scaleUp, scaleDown }: Behavior): number {
  return Math.max(scaleUp.stabilizationWindowSeconds, scaleDown.stabilizationWindowSeconds) * 1000;
}

const ready: Finding = { status: 'True', reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
const withinRange: Finding = { status: 'False', reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' };
const disabled: Finding = {
  status: 'False',
  reason: 'ScalingDisabled',
  message: 'scaling is disabled since the replica count of the target is zero',
};

function forced(where: string): Finding {
  return { status: 'True', reason: 'OutOfRange', message: `the current number of replicas is ${where}` };
}

function failed(why: string): Finding {
  return { status: 'False', reason: 'FailedGetExternalMetric', message: `the replica count could not be calculated: ${why}` };
}

function tooFast(how: 'increasing' | 'decreasing'): Finding {
  const reason = how === 'increasing' ? 'ScaleUpLimit' : 'ScaleDownLimit';
  return { status: 'True', reason, message: `the desired replica count is ${how} faster than the maximum scale rate` };
}

function outOfRange(how: 'more' | 'less', bound: 'most' | 'fewest'): Finding {
  const reason = how === 'more' ? 'TooManyReplicas' : 'TooFewReplicas';
  return { status: 'True', reason, message: `the desired replica count is ${how} than the ${bound} replicas allowed` };
}
