import type { Replica } from './replica.ts';

/** Why a replica that drains may go. */
export type DrainEnd = 'Drained' | 'DrainTimeout' | 'Lost';

/**
 * Why a draining replica may go now: its requests are done, its time is up, or its node is gone; undefined while it is to be waited for,
 * when it does not drain, and when its pod is being deleted already. Pure; instants in milliseconds.
 */
export function drainEnd(replica: Replica, drainTimeoutMs: number, now: number): DrainEnd | undefined {
  if (!isDraining(replica)) return undefined;
  if (replica.lost) return 'Lost';
  // What it still answered ended with the container; one that starts anew has nothing to finish.
  if (!replica.running) return 'Drained';
  // Only an agent that refuses new requests has a count that cannot grow again.
  const { agent } = replica;
  if (agent?.draining && agent.inFlight + agent.waiting === 0) return 'Drained';
  return drainDueMs(replica, drainTimeoutMs, now) === 0 ? 'DrainTimeout' : undefined;
}

/** Milliseconds until the time of a draining replica is up; undefined when it does not drain. */
export function drainDueMs(replica: Replica, drainTimeoutMs: number, now: number): number | undefined {
  return isDraining(replica) ? Math.max(0, replica.drainingSince + drainTimeoutMs - now) : undefined;
}

function isDraining(replica: Replica): replica is Replica & { readonly drainingSince: number } {
  return replica.drainingSince !== undefined && !replica.terminating;
}
