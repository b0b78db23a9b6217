/** How an attempt at a replica failed before anything of its answer reached the caller. */
export type AttemptFailure =
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

/** Decides whether a request that failed may be sent to another replica. `failures` are all so far, the newest last. */
export function mayRetry(failures: readonly AttemptFailure[], hasOther: boolean): boolean {
  if (!hasOther || failures.length > maxRetries) return false;
  return failures.filter((failure) => failure.kind === 'reset').length <= maxResets;
}
