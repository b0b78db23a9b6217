import { ApiError, ConnectionError, isExpired } from '../client/api-error.ts';

/** How one try of a reflector ended. */
export type Ending = {
  readonly during: 'list' | 'stream' | 'watch';
  /** The watch went on from a version that an earlier try had read. */
  readonly resumed: boolean;
  /** Absent: the server ended the watch in good order. */
  readonly error?: unknown;
  /** The watch held for a while or moved on: the next failure is a new one. */
  readonly progressed: boolean;
  /** Failed tries in a row, this one included. */
  readonly failures: number;
};

/** What a reflector does next. `atLeastMs` is what the server asked for. */
export type Recovery = {
  readonly next: 'list' | 'watch';
  readonly wait: boolean;
  readonly atLeastMs: number;
  /** The server does not stream initial state: list from now on. */
  readonly giveUpStream: boolean;
};

// A server that keeps refusing a resourceVersion may have lost it (restored from a backup): then only a list helps.
const maxWatchRefusals = 5;

/** Where to go on after a try ended: from the last resourceVersion where that can be trusted, else from a list. Pure. */
export function recover({ during, resumed, error, progressed, failures }: Ending): Recovery {
  const atLeastMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
  const wait = !progressed;
  if (during === 'list') return { next: 'list', wait: true, atLeastMs, giveUpStream: false };
  if (during === 'stream') {
    // 400/422: not enabled. Silence or a clean end before the initial state was complete: an old server that ignores the parameter.
    const unsupported =
      error === undefined || error instanceof ConnectionError || (error instanceof ApiError && [400, 422].includes(error.code));
    return { next: 'list', wait: !unsupported, atLeastMs, giveUpStream: unsupported };
  }
  if (error === undefined || error instanceof ConnectionError) return { next: 'watch', wait, atLeastMs, giveUpStream: false };
  // Usual after an outage, and the server is there again: only a fresh list that is refused too is worth a wait.
  if (isExpired(error)) return { next: 'list', wait: wait && !resumed, atLeastMs, giveUpStream: false };
  const passing = error instanceof ApiError && (error.code === 429 || error.code >= 500) && failures < maxWatchRefusals;
  return { next: passing ? 'watch' : 'list', wait: true, atLeastMs, giveUpStream: false };
}
