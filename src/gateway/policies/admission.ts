import type { Availability } from '../ports.ts';
import type { Measure } from '../queue/band.ts';

/** Why a request does not get, or loses, its place in line. */
export type Refusal = 'full' | 'unavailable' | 'scaledToZero' | 'deleted' | 'overdue';

/** What decides whether there is room in the queue. */
type Seen = {
  readonly waiting: number;
  readonly waitingTokens: number;
  /** What the newcomer may cost. */
  readonly tokens: number;
  readonly maxQueue: number;
  /** No bound when undefined. */
  readonly maxQueueTokens: number | undefined;
};

/** Why waiting for this deployment is in vain, if it is: it is deleted, suspended or at zero for good, or it failed and nothing of it serves. */
export function inVain(availability: Availability, readyReplicas: number): Refusal | undefined {
  if (availability === 'deleted' || availability === 'scaledToZero') return availability;
  return availability === 'suspended' || (availability === 'failed' && readyReplicas === 0) ? 'unavailable' : undefined;
}

/** Of what the queue would have too much with one request more. A queue without requests has room for any one, however many tokens it is. */
export function overfull(seen: Seen): Measure | undefined {
  if (seen.waiting >= seen.maxQueue) return 'requests';
  const { maxQueueTokens = Number.POSITIVE_INFINITY } = seen;
  return seen.waiting > 0 && seen.waitingTokens + seen.tokens > maxQueueTokens ? 'tokens' : undefined;
}

/**
 * Seconds until a request at this position of the line may expect a slot: slots come free `slots` times per mean service time.
 * At least 1 and at most 60, for it is a guess that people and clients act on.
 */
export function expectedWaitSeconds(position: number, slots: number, meanServiceMs: number): number {
  const seconds = Math.ceil((position * meanServiceMs) / Math.max(slots, 1) / 1000);
  return Math.min(Math.max(seconds, 1), 60);
}
