import type { Availability } from '../ports.ts';

/** Why a request does not get, or loses, its place in line. */
export type Refusal = 'full' | 'unavailable' | 'scaledToZero' | 'deleted' | 'overdue';

/** What decides about a place in line. */
type Seen = {
  readonly availability: Availability;
  readonly readyReplicas: number;
  readonly waiting: number;
  readonly maxQueue: number;
};

/** Why waiting for this deployment is in vain, if it is: it is deleted, suspended or at zero for good, or it failed and nothing of it serves. */
export function inVain(availability: Availability, readyReplicas: number): Refusal | undefined {
  if (availability === 'deleted' || availability === 'scaledToZero') return availability;
  return availability === 'suspended' || (availability === 'failed' && readyReplicas === 0) ? 'unavailable' : undefined;
}

/** Decides whether a request that found no free slot may wait. */
export function admit(seen: Seen): Refusal | undefined {
  return inVain(seen.availability, seen.readyReplicas) ?? (seen.waiting >= seen.maxQueue ? 'full' : undefined);
}

/**
 * Seconds until a request at this position of the line may expect a slot: slots come free `slots` times per mean service time.
 * At least 1 and at most 60, for it is a guess that people and clients act on.
 */
export function expectedWaitSeconds(position: number, slots: number, meanServiceMs: number): number {
  const seconds = Math.ceil((position * meanServiceMs) / Math.max(slots, 1) / 1000);
  return Math.min(Math.max(seconds, 1), 60);
}
