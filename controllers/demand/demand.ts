import { type GatewayStats, type RequestCounts, statsHeartbeatMs } from '../../src/api/gateway-stats.ts';

/** What a gateway told counts for so long; then it is lost, or its requests are. */
const freshMs = 3 * statsHeartbeatMs;

/** What is known of the requests of one model at a gateway. */
type Known = RequestCounts & {
  /** When there was one last, as far as it is known: milliseconds of our clock. */
  readonly askedAt?: number | undefined;
};

/** What one gateway told last. Instants are milliseconds of our clock. */
export type Part = {
  /** Whether its pod is ready: then callers may be at it, heard or not. */
  readonly ready: boolean;
  /** Since when it has been known. */
  readonly since: number;
  /** When it was heard last; absent before the first time. */
  readonly heardAt?: number | undefined;
  /** Its stream ended after it was heard last, and nobody knows why: it may have crashed, and its callers be elsewhere by now. */
  readonly broken?: boolean;
  readonly models: ReadonlyMap<string, Known>;
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
  /** UIDs of pods whose engine hangs by the word of a gateway; absent when there is none. */
  readonly wedged?: readonly string[];
  /** When there was a request last, also one that came and went between two looks: told for half a minute. Milliseconds of our clock. */
  readonly askedAt?: number;
  /** How many gateways these numbers are from. With none they say nothing. */
  readonly gateways: number;
  /** Age in milliseconds of the oldest part of what is or should be in it. */
  readonly oldestMs: number;
  /** A gateway that callers may be at is not heard: there may be more requests than this. */
  readonly stale: boolean;
};

/**
 * Whether a part counts. One that is not heard and not ready has no requests: it starts, or is gone with all that it had.
 * One that is not heard though its pod is ready is missing. So is at once one whose stream broke: had it crashed, its requests would count
 * twice as soon as their callers come through another gateway.
 */
export function standingOf({ ready, heardAt, broken = false }: Part, now: number): 'counts' | 'missing' | 'gone' {
  if (!broken && heardAt !== undefined && now - heardAt <= freshMs) return 'counts';
  return ready ? 'missing' : 'gone';
}

/** The demand for one model, also for one that no gateway names. */
export function demandFor(model: string, parts: Iterable<Part>, now: number): Demand {
  const sum = { held: 0, queued: 0, running: 0, tokensInFlight: 0, gateways: 0, oldestMs: 0, stale: false };
  let askedAt: number | undefined;
  const wedged = new Set<string>();
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
    for (const uid of counts.wedged ?? []) wedged.add(uid);
    const lastAskedAt = isBusy(counts) ? now : counts.askedAt;
    if (lastAskedAt !== undefined) askedAt = Math.max(askedAt ?? 0, lastAskedAt);
    ttft.add(counts.ttftMillis, counts.ttftCount ?? 0);
    // How many answers it is the mean of is not told: a gateway through which more runs has seen more.
    service.add(counts.serviceMillis, counts.running + 1);
  }
  const waiting = sum.held + sum.queued;
  return {
    ...sum,
    waiting,
    inSystem: waiting + sum.running,
    ...(wedged.size > 0 && { wedged: [...wedged] }),
    ...(askedAt !== undefined && { askedAt }),
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

/** What a gateway has, after this line, which came `now`. */
export function afterLine(
  models: Part['models'],
  { full, models: told }: Pick<GatewayStats, 'full' | 'models'>,
  now: number,
): Part['models'] {
  const next = new Map(full ? [] : models);
  for (const [model, counts] of Object.entries(told)) {
    const before = models.get(model);
    const isAsked = isBusy(counts) || (before !== undefined && isBusy(before)) || counts.arrivals !== before?.arrivals;
    // What outlives its requests is still to be known: a time to first token would come and go with every pause between two.
    if (isBusy(counts) || counts.arrivals !== undefined || (counts.ttftCount ?? 0) > 0 || counts.wedged)
      next.set(model, { ...counts, askedAt: isAsked ? now : before?.askedAt });
    else next.delete(model);
  }
  return next;
}

/** The models of which more or fewer requests wait than before, or other replicas hang. */
export function newsOf(before: Part['models'], after: Part['models']): readonly string[] {
  const waiting = (counts: RequestCounts | undefined) => (counts ? counts.held + counts.queued : 0);
  const wedged = (counts: RequestCounts | undefined) => counts?.wedged?.join();
  return [...new Set([...before.keys(), ...after.keys()])].filter((model) => {
    const [was, is] = [before.get(model), after.get(model)];
    return waiting(was) !== waiting(is) || wedged(was) !== wedged(is);
  });
}

function isBusy({ held, queued, running }: RequestCounts): boolean {
  return held + queued + running > 0;
}
