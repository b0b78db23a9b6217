import type { RequestCounts } from '../api/gateway-stats.ts';
import type { Model } from './models.ts';

/** Requests by deployment (`namespace/name`); one without requests is left out. */
export type Counts = ReadonlyMap<string, RequestCounts>;

const none: RequestCounts = { held: 0, queued: 0, running: 0 };

/** How many requests of each deployment are here now. Read from the lines, so that no request pays for it. */
export function countRequests(models: Iterable<Model>): Counts {
  const counts = new Map<string, RequestCounts>();
  for (const { spec, line } of models) {
    const { length, inFlight } = line;
    if (length + inFlight === 0) continue;
    const held = line.readyReplicas === 0 ? length : 0;
    counts.set(spec.key, { held, queued: length - held, running: inFlight });
  }
  return counts;
}

/** What changed from `before` to `after`; what is no longer there is told as zeros. */
export function changesOf(before: Counts, after: Counts): Counts {
  const changes = new Map<string, RequestCounts>();
  for (const [model, counts] of after) if (!same(before.get(model), counts)) changes.set(model, counts);
  for (const model of before.keys()) if (!after.has(model)) changes.set(model, none);
  return changes;
}

function same(a: RequestCounts | undefined, b: RequestCounts): boolean {
  return a?.held === b.held && a.queued === b.queued && a.running === b.running;
}
