import { completeBehavior, type GivenBehavior } from '../behavior.ts';
import type { HpaSpec } from '../hpa.ts';
import type { MetricReading, MetricTarget, Scale } from '../recommend.ts';

export const t0 = Date.UTC(2026, 0, 1);

/** A small world for tests: each maker gives something ordinary, changed by what matters in the test. */
export function spec(fields: Partial<Omit<HpaSpec, 'behavior'>> = {}, behavior?: GivenBehavior): HpaSpec {
  return { minReplicas: 1, maxReplicas: 100, behavior: completeBehavior(behavior), ...fields };
}

/** Requests in the system, with a target of 8 a replica. */
export function requests(total: number | readonly number[], target: MetricTarget = { kind: 'AverageValue', value: 8 }): MetricReading {
  return { metric: 'requests', target, observed: { kind: 'values', values: typeof total === 'number' ? [total] : total } };
}

export function missing(metric = 'requests', why = 'no answer'): MetricReading {
  return { metric, target: { kind: 'AverageValue', value: 8 }, observed: { kind: 'missing', why } };
}

/** A fleet all of whose pods are ready, unless fewer are given. */
export function replicas(count: number, readyReplicas = count): Scale {
  return { specReplicas: count, statusReplicas: count, readyReplicas };
}
