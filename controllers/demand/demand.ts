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
export type Demand = Pick<RequestCounts, 'held' | 'queued' | 'running'> & {
  /** Held and queued. */
  readonly waiting: number;
  /** Waiting and running. */
  readonly inSystem: number;
  /** What all of these may cost in tokens, prompts and answers. */
  readonly tokensInFlight: number;
  /** Mean time to first token of the last half minute in milliseconds, and of how many requests it is the mean; absent when of none. */
  readonly ttftMillis?: number;
  readonly ttftCount: number;
  /** Mean time that a replica works for an answer, in milliseconds; absent when no gateway has seen one end. */
  readonly serviceMillis?: number;
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
  const sum = { held: 0, queued: 0, running: 0, tokensInFlight: 0, gateways: 0, oldestMs: 0, stale: false };
  const ttft = new Mean();
  const service = new Mean();
  for (const part of parts) {
    const standing = standingOf(part, now);
    if (standing === 'gone') continue;
    sum.oldestMs = Math.max(sum.oldestMs, now - (part.heardAt ?? part.since));
    if (standing === 'missing') {
      sum.stale = true;
      continue;
    }
    sum.gateways += 1;
    const counts = part.models.get(model);
    if (!counts) continue;
    sum.held += counts.held;
    sum.queued += counts.queued;
    sum.running += counts.running;
    sum.tokensInFlight += counts.tokensInFlight ?? 0;
    ttft.add(counts.ttftMillis, counts.ttftCount ?? 0);
    // How many answers it is the mean of is not told: a gateway through which more runs has seen more.
    service.add(counts.serviceMillis, counts.running + 1);
  }
  const waiting = sum.held + sum.queued;
  return {
    ...sum,
    waiting,
    inSystem: waiting + sum.running,
    ttftCount: ttft.weight,
    ...(ttft.value !== undefined && { ttftMillis: ttft.value }),
    ...(service.value !== undefined && { serviceMillis: service.value }),
  };
}

/** A mean of means. */
class Mean {
  weight = 0;
  private total = 0;

  add(value: number | undefined, weight: number): void {
    if (value === undefined) return;
    this.weight += weight;
    this.total += value * weight;
  }

  /** Undefined while it is the mean of nothing. */
  get value(): number | undefined {
    return this.weight > 0 ? this.total / this.weight : undefined;
  }
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
    // A time to first token outlives its requests, or it would come and go with every pause between two.
    if (counts.held + counts.queued + counts.running + (counts.ttftCount ?? 0) > 0) next.set(model, counts);
    else next.delete(model);
  }
  return next;
}

/** The models of which more or fewer requests wait than before. */
export function newsOf(before: Part['models'], after: Part['models']): readonly string[] {
  const waiting = (counts: RequestCounts | undefined) => (counts ? counts.held + counts.queued : 0);
  return [...new Set([...before.keys(), ...after.keys()])].filter((model) => waiting(before.get(model)) !== waiting(after.get(model)));
}
