import type { Terms } from '../place.ts';

/** Terms of a request that waits so long, whatever for, and costs so many tokens, half of them its prompt. */
export function patient(ms: number, tokens = 0, who: Partial<Terms> = {}): Terms {
  return { holdMs: ms, queueMs: ms, totalMs: ms, tenant: 'acme', weight: 1, priority: 0, promptTokens: tokens / 2, tokens, ...who };
}
