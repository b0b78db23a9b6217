/** How an attempt at a replica failed before anything of its answer reached the caller. */
export type AttemptFailure =
  /** The replica did nothing with it because it is about to go: it said so, or was gone already. No failure of anybody. */
  | { readonly kind: 'left' }
  /** The replica did nothing with it because its engine is not loaded, or not again after a crash. */
  | { readonly kind: 'loading' }
  /** No connection: the replica never saw the request. */
  | { readonly kind: 'connect'; readonly cause: Error }
  /** The connection was lost after the request went out and before the first byte of an answer. */
  | { readonly kind: 'reset'; readonly cause: Error }
  /** The replica answered that it cannot serve: 502, 503 or 504. */
  | { readonly kind: 'status'; readonly status: number };

const maxRetries = 2;

/** A request whose connections die may be what kills the replicas: it is given to one more, not to all. */
const maxResets = 1;

/** Whether this status says that another replica may do better. */
export function isRetryableStatus(status: number): boolean {
  return status >= 502 && status <= 504;
}

/** What a request that failed may hope for. */
type Prospects = {
  /** Another replica is ready. */
  readonly hasOther: boolean;
  /** The replica that failed it is on its way out, so that another one may be on its way in, or it will serve again by itself. */
  readonly hopeful: boolean;
};

/**
 * Decides whether a request that failed may be sent to another replica, or wait for one. `failures` are all so far, the newest last.
 * A rollout may send a request away from every replica in turn: that uses nothing up.
 */
export function mayRetry(failures: readonly AttemptFailure[], { hasOther, hopeful }: Prospects): boolean {
  const count = (kinds: readonly AttemptFailure['kind'][]) => failures.filter(({ kind }) => kinds.includes(kind)).length;
  if (count(['connect', 'reset', 'status']) > maxRetries || count(['reset']) > maxResets) return false;
  return hasOther || hopeful;
}
