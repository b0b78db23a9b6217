import { type GatewayStats, type RequestCounts, statsHeartbeatMs } from '../../src/api/gateway-stats.ts';

/** What a gateway told counts for so long; then it is lost, or its requests are. */
const freshMs = 3 * statsHeartbeatMs;

/** What one gateway told last. Instants are milliseconds of our clock. */
export type Part = {
  /** Whether its pod is ready: then callers may be at it, heard or not. */
  readonly ready: boolean;
  /** Since when it has been known. */
  readonly since: number;
  /** When it was heard last; absent before the first time. */
  readonly heardAt?: number | undefined;
  readonly models: ReadonlyMap<string, RequestCounts>;
};

/** The requests of one model at all gateways that are heard. */
export type Demand = RequestCounts & {
  /** Held and queued. */
  readonly waiting: number;
  /** Waiting and running. */
  readonly inSystem: number;
  /** How many gateways these numbers are from. With none they say nothing. */
  readonly gateways: number;
  /** Age in milliseconds of the oldest part of what is or should be in it. */
  readonly oldestMs: number;
  /** A gateway that callers may be at is not heard: there may be more requests than this. */
  readonly stale: boolean;
};

/**
 * Whether a part counts. One that is not heard and not ready has no requests: it starts, or is gone with all that it had.
 * One that is not heard though its pod is ready is missing.
 */
export function standingOf({ ready, heardAt }: Part, now: number): 'counts' | 'missing' | 'gone' {
  if (heardAt !== undefined && now - heardAt <= freshMs) return 'counts';
  return ready ? 'missing' : 'gone';
}

/** The demand for one model, also for one that no gateway names. */
export function demandFor(model: string, parts: Iterable<Part>, now: number): Demand {
  const sum = { held: 0, queued: 0, running: 0, gateways: 0, oldestMs: 0, stale: false };
  for (const part of parts) {
    const standing = standingOf(part, now);
    if (standing === 'gone') continue;
    sum.oldestMs = Math.max(sum.oldestMs, now - (part.heardAt ?? part.since));
    if (standing === 'missing') sum.stale = true;
    else {
      const counts = part.models.get(model);
      sum.gateways += 1;
      sum.held += counts?.held ?? 0;
      sum.queued += counts?.queued ?? 0;
      sum.running += counts?.running ?? 0;
    }
  }
  const waiting = sum.held + sum.queued;
  return { ...sum, waiting, inSystem: waiting + sum.running };
}

/** The demand for every model that a gateway names which counts. */
export function sumDemand(parts: readonly Part[], now: number): ReadonlyMap<string, Demand> {
  const named = parts.filter((part) => standingOf(part, now) === 'counts').flatMap(({ models }) => [...models.keys()]);
  return new Map([...new Set(named)].map((model) => [model, demandFor(model, parts, now)]));
}

/** What a gateway has, after this line. */
export function afterLine(models: Part['models'], { full, models: told }: Pick<GatewayStats, 'full' | 'models'>): Part['models'] {
  const next = new Map(full ? [] : models);
  for (const [model, counts] of Object.entries(told)) {
    if (counts.held + counts.queued + counts.running > 0) next.set(model, counts);
    else next.delete(model);
  }
  return next;
}

/** The models of which more or fewer requests wait than before. */
export function newsOf(before: Part['models'], after: Part['models']): readonly string[] {
  const waiting = (counts: RequestCounts | undefined) => (counts ? counts.held + counts.queued : 0);
  return [...new Set([...before.keys(), ...after.keys()])].filter((model) => waiting(before.get(model)) !== waiting(after.get(model)));
}
