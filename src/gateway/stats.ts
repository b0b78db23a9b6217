import type { RequestCounts } from '../api/gateway-stats.ts';
import type { Experience } from './experience.ts';
import type { ModelLine } from './line.ts';
import type { Model } from './models.ts';

/** Requests by deployment (`namespace/name`); one without requests now and in the last half minute is left out. */
export type Counts = ReadonlyMap<string, RequestCounts>;

const none: RequestCounts = { held: 0, queued: 0, running: 0 };

/** How many requests of each deployment are here now, and how they fare. Read from the lines, so that no request pays for it. */
export function countRequests(models: Iterable<Model>): Counts {
  const counts = new Map<string, RequestCounts>();
  for (const { spec, line } of models) {
    const { length, inFlight, wedgedReplicas } = line;
    const { timeToFirstToken } = line.experience;
    if (length + inFlight === 0 && !line.experience.isAskedFor && !timeToFirstToken && !wedgedReplicas) continue;
    const held = line.readyReplicas === 0 ? length : 0;
    const told: RequestCounts = { held, queued: length - held, running: inFlight };
    addMeasures(told, line, timeToFirstToken);
    if (wedgedReplicas) told.wedged = wedgedReplicas;
    counts.set(spec.key, told);
  }
  return counts;
}

/**
 * What changed from what was told `before` to `after`; what is no longer there is told as zeros. How requests fare changes with each of
 * them: that alone is told only when `alsoMeasures` is set.
 */
export function changesOf(before: Counts, after: Counts, alsoMeasures: boolean): Counts {
  const changes = new Map<string, RequestCounts>();
  for (const [model, counts] of after) {
    const told = before.get(model);
    if (!told || !areAsMany(told, counts) || (alsoMeasures && !fareAlike(told, counts))) changes.set(model, counts);
  }
  for (const model of before.keys()) if (!after.has(model)) changes.set(model, none);
  return changes;
}

/** Adds to an object that is ours still: this is done for each deployment four times a second. */
function addMeasures(told: RequestCounts, line: ModelLine, ttft: Experience['timeToFirstToken']): void {
  const { tokensInFlight } = line;
  const { arrivals, serviceMs } = line.experience;
  told.arrivals = arrivals;
  if (tokensInFlight > 0) told.tokensInFlight = tokensInFlight;
  if (serviceMs !== undefined) told.serviceMillis = Math.round(serviceMs);
  if (!ttft) return;
  told.ttftMillis = Math.round(ttft.mean);
  told.ttftCount = ttft.count;
}

function areAsMany(a: RequestCounts, b: RequestCounts): boolean {
  return a.held === b.held && a.queued === b.queued && a.running === b.running && a.wedged?.join() === b.wedged?.join();
}

function fareAlike(a: RequestCounts, b: RequestCounts): boolean {
  return (
    a.arrivals === b.arrivals &&
    a.tokensInFlight === b.tokensInFlight &&
    a.ttftMillis === b.ttftMillis &&
    a.ttftCount === b.ttftCount &&
    a.serviceMillis === b.serviceMillis
  );
}
