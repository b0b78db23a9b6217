import type { Terms } from '../place.ts';

/** Terms of a request that waits so long, whatever for. */
export function patient(ms: number, tokens = 0): Terms {
  return { holdMs: ms, queueMs: ms, totalMs: ms, tokens };
}
