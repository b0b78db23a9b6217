/** How long a container that ended is kept waiting before it starts again. */
export type RestartBackoff = { readonly baseMs: number; readonly maxMs: number; readonly resetAfterMs: number };

/** What a kubelet does: 10 s doubling to 5 min, forgotten after 10 min of running. */
export const kubeletBackoff: RestartBackoff = { baseMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 };

/** Ends in a row, counting the one of a container that ran for `ranMs`. */
export function countEnds(before: number, ranMs: number, backoff: RestartBackoff): number {
  return ranMs >= backoff.resetAfterMs ? 1 : before + 1;
}

/** The first restart is at once; after that the delay doubles with each end in a row (kubelet, doBackOff). */
export function restartDelayMs(endsInARow: number, backoff: RestartBackoff): number {
  if (endsInARow <= 1) return 0;
  return Math.min(backoff.baseMs * 2 ** Math.min(endsInARow - 2, 30), backoff.maxMs);
}
