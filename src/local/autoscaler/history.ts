/** What the rule asked for, before stabilisation and limits. */
type PastRecommendation = { readonly at: number; readonly replicas: number };

/** By how many replicas the fleet grew (above zero) or shrank (below zero). */
type PastScale = { readonly at: number; readonly change: number };

/** What the rule remembers of one autoscaler. Instants are milliseconds. Lost with its process, as in Kubernetes. */
export type History = { readonly recommendations: readonly PastRecommendation[]; readonly scales: readonly PastScale[] };

/** The longest period that autoscaling/v2 allows for a policy. */
const longestPeriodMs = 1_800_000;

/**
 * The history of an autoscaler that is seen for the first time: the replicas that there are count as recommended,
 * so a controller that has just started takes nothing away until a window has passed.
 */
export function firstHistory(specReplicas: number, now: number): History {
  return { recommendations: [{ at: now, replicas: specReplicas }], scales: [] };
}

/** Adds a recommendation and forgets those older than `windowMs`. */
export function withRecommendation(history: History, replicas: number, windowMs: number, now: number): History {
  const recent = history.recommendations.filter(({ at }) => at > now - windowMs);
  return { ...history, recommendations: [...recent, { at: now, replicas }] };
}

/** Adds a change of the replicas that was written, whatever asked for it; policies count such changes. */
export function withScale(history: History, from: number, to: number, now: number): History {
  const recent = history.scales.filter(({ at }) => at > now - longestPeriodMs);
  return { ...history, scales: [...recent, { at: now, change: to - from }] };
}

/** By how much the fleet grew, or shrank (below zero), within the last `periodSeconds`. */
export function changeWithin({ scales }: History, periodSeconds: number, now: number): number {
  return scales.filter(({ at }) => at > now - periodSeconds * 1000).reduce((sum, { change }) => sum + change, 0);
}
