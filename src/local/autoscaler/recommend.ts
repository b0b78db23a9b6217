import type { Behavior } from './behavior.ts';

/** The target of an `External` or `Object` metric: for each replica (`AverageValue`), or for all of them together (`Value`). */
export type MetricTarget = { readonly kind: 'AverageValue' | 'Value'; readonly value: number };

/** One metric as it was read: one value for each series that the selector found, or why there is none. */
export type MetricReading = {
  readonly metric: string;
  readonly target: MetricTarget;
  readonly observed: { readonly kind: 'values'; readonly values: readonly number[] } | { readonly kind: 'missing'; readonly why: string };
};

/** The numbers of the scale subresource, and how many of the pods are ready. */
export type Scale = { readonly specReplicas: number; readonly statusReplicas: number; readonly readyReplicas: number };

/** How many replicas the metrics ask for, before limits, and which of them asks for most; or why that is unknown. */
export type Recommendation = Known | Unknown;

type Known = { readonly kind: 'known'; readonly replicas: number; readonly metric: string };
type Unknown = { readonly kind: 'unknown'; readonly why: string };

const mostReplicas = 2 ** 31 - 1;

/**
 * The largest of what the metrics ask for. One that is missing must not make the fleet smaller, but does not keep it from growing.
 * As `computeReplicasForMetrics` of the HorizontalPodAutoscaler controller of Kubernetes.
 */
export function recommend(readings: readonly MetricReading[], scale: Scale, tolerance: Tolerance): Recommendation {
  let most: Known | undefined;
  let missing: Unknown | undefined;
  for (const reading of readings) {
    const proposal = propose(reading, scale, tolerance);
    if (proposal.kind === 'unknown') missing ??= proposal;
    else if (most === undefined || proposal.replicas > most.replicas) most = proposal;
  }
  if (most === undefined) return missing ?? { kind: 'unknown', why: 'no metric is given: add one to spec.metrics' };
  return missing !== undefined && most.replicas < scale.specReplicas ? missing : most;
}

/** How far from 1 the ratio of a metric to its target may be, upwards and downwards, without any change. */
export type Tolerance = { readonly up: number; readonly down: number };

export function toleranceOf({ scaleUp, scaleDown }: Behavior): Tolerance {
  return { up: scaleUp.tolerance, down: scaleDown.tolerance };
}

function propose({ metric, target, observed }: MetricReading, scale: Scale, tolerance: Tolerance): Recommendation {
  if (observed.kind === 'missing') return { kind: 'unknown', why: `${metric} could not be read: ${observed.why}` };
  if (observed.values.length === 0) return { kind: 'unknown', why: `${metric} has no series that matches the selector` };
  const usage = observed.values.reduce((sum, value) => sum + milli(value), 0);
  const wanted = target.kind === 'AverageValue' ? perReplica(usage, target, scale, tolerance) : inAll(usage, target, scale, tolerance);
  if (wanted === undefined) return { kind: 'unknown', why: `${metric} has a target for all replicas together, and no pod was found` };
  return { kind: 'known', replicas: Math.min(wanted, mostReplicas), metric };
}

/** `ceil(total / target)`: the replicas that are there decide only whether the difference is worth a change, so pods that load never multiply. */
function perReplica(usage: number, target: MetricTarget, { statusReplicas }: Scale, tolerance: Tolerance): number {
  const wanted = milli(target.value);
  return isWithin(usage / (wanted * statusReplicas), tolerance) ? statusReplicas : Math.ceil(usage / wanted);
}

/** `ceil(ready pods × total / target)`; from zero, as if there were one. */
function inAll(usage: number, target: MetricTarget, scale: Scale, tolerance: Tolerance): number | undefined {
  const ratio = usage / milli(target.value);
  if (scale.specReplicas === 0) return Math.ceil(ratio);
  if (isWithin(ratio, tolerance)) return scale.specReplicas;
  return scale.statusReplicas === 0 ? undefined : Math.ceil(ratio * scale.readyReplicas);
}

function isWithin(ratio: number, { up, down }: Tolerance): boolean {
  return 1 - down <= ratio && ratio <= 1 + up;
}

/** Kubernetes reckons with thousandths, rounded up, so 0.3 is not a little more than three times 0.1. */
function milli(value: number): number {
  return Math.ceil(Number((value * 1000).toFixed(6)));
}
