import type { Random } from '../../core/clock.ts';
import { mix } from './hash.ts';

/** What a choice may know of a replica. */
type Candidate = {
  readonly ready: boolean;
  readonly inFlight: number;
  readonly tokens: number;
  readonly epoch: number;
  readonly hash: number;
};

/** Replicas that failed a request, with the epoch in which they did: one that became ready again is worth another try. */
export type Avoided<R> = ReadonlyMap<R, number>;

/** How many requests a replica may have at once from this gateway now. */
export type SlotsOf<R> = (replica: R) => number;

/** With affinity no replica has more than this times the mean of all, so that a popular prompt spreads (arXiv 1608.01350). */
const boundOverMean = 1.25;

/** Whether a request may go there at all, full or not. */
export function eligible<R extends Candidate>(replica: R, avoided: Avoided<R> | undefined): boolean {
  return replica.ready && avoided?.get(replica) !== replica.epoch;
}

/**
 * The eligible replica with the fewest tokens in flight that has a free slot, of equals the one with the fewest requests;
 * ties are broken at random, so that many gateways do not act alike.
 */
export function leastLoaded<R extends Candidate>(
  replicas: Iterable<R>,
  slotsOf: SlotsOf<R>,
  random: Random,
  avoided?: Avoided<R>,
): R | undefined {
  let best: R | undefined;
  let ties = 1;
  for (const replica of replicas) {
    if (!eligible(replica, avoided) || replica.inFlight >= slotsOf(replica)) continue;
    const order = best ? replica.tokens - best.tokens || replica.inFlight - best.inFlight : -1;
    if (order < 0) {
      best = replica;
      ties = 1;
    } else if (order === 0) {
      ties += 1;
      if (random() * ties < 1) best = replica;
    }
  }
  return best;
}

/**
 * The eligible replica with a free slot that comes first for this key, in an order that every gateway knows (rendezvous hashing) and that
 * changes only for the keys of a replica that comes or goes. Replicas far above the mean load are passed over.
 */
export function nearest<R extends Candidate>(replicas: Iterable<R>, slotsOf: SlotsOf<R>, key: number, avoided?: Avoided<R>): R | undefined {
  let total = 1;
  let count = 0;
  for (const replica of replicas) {
    if (!eligible(replica, avoided)) continue;
    total += replica.inFlight;
    count += 1;
  }
  const bound = Math.ceil((boundOverMean * total) / Math.max(count, 1));
  let best: R | undefined;
  let bestScore = -1;
  for (const replica of replicas) {
    if (!eligible(replica, avoided) || replica.inFlight >= Math.min(bound, slotsOf(replica))) continue;
    const score = mix(key ^ replica.hash);
    if (score > bestScore) {
      best = replica;
      bestScore = score;
    }
  }
  return best;
}
