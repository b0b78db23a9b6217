import type { Random } from '../../core/clock.ts';

/** What a choice may know of a replica. */
type Candidate = { readonly ready: boolean; readonly inFlight: number; readonly epoch: number };

/** Replicas that failed a request, with the epoch in which they did: one that became ready again is worth another try. */
export type Avoided<R> = ReadonlyMap<R, number>;

/** Whether a request may go there at all, full or not. */
export function eligible<R extends Candidate>(replica: R, avoided: Avoided<R> | undefined): boolean {
  return replica.ready && avoided?.get(replica) !== replica.epoch;
}

/** The eligible replica with the fewest requests in flight that has a free slot; ties are broken at random, so that many gateways do not act alike. */
export function leastLoaded<R extends Candidate>(
  replicas: Iterable<R>,
  slots: number,
  random: Random,
  avoided?: Avoided<R>,
): R | undefined {
  let best: R | undefined;
  let ties = 1;
  for (const replica of replicas) {
    if (replica.inFlight >= slots || !eligible(replica, avoided)) continue;
    if (!best || replica.inFlight < best.inFlight) {
      best = replica;
      ties = 1;
    } else if (replica.inFlight === best.inFlight) {
      ties += 1;
      if (random() * ties < 1) best = replica;
    }
  }
  return best;
}
