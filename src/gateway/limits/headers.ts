import type { LimitName } from '../../api/tenant-limits.ts';
import type { Reading } from './store.ts';

/** What OpenAI's headers call the two rates, and the IETF's draft a policy: one of each, and the tightest of its kind. */
const kinds: readonly { readonly name: LimitName; readonly word: 'requests' | 'tokens' }[] = [
  { name: 'requestsPerMinute', word: 'requests' },
  { name: 'tokensPerMinute', word: 'tokens' },
];

/**
 * Names and values in turn: OpenAI's `x-ratelimit-*`, and `RateLimit` with `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers). Of several limits of a kind the one that is nearest to its end is told.
 */
export function limitHeaders(readings: readonly Reading[]): string[] {
  const headers: string[] = [];
  const policies: string[] = [];
  const states: string[] = [];
  for (const { name, word } of kinds) {
    const reading = tightest(readings, name);
    if (!reading) continue;
    const { gate, remaining, resetMs } = reading;
    headers.push(`x-ratelimit-limit-${word}`, String(gate.limit));
    headers.push(`x-ratelimit-remaining-${word}`, String(remaining));
    headers.push(`x-ratelimit-reset-${word}`, goDuration(resetMs));
    policies.push(`"${word}";q=${gate.limit};w=60`);
    states.push(`"${word}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`);
  }
  if (policies.length > 0) headers.push('ratelimit-policy', policies.join(', '), 'ratelimit', states.join(', '));
  return headers;
}

function tightest(readings: readonly Reading[], name: LimitName): Reading | undefined {
  let found: Reading | undefined;
  for (const reading of readings) {
    if (reading.gate.name !== name) continue;
    if (!found || reading.waitMs > found.waitMs || (reading.waitMs === found.waitMs && reading.remaining < found.remaining))
      found = reading;
  }
  return found;
}

/** A duration as OpenAI writes it: `120ms`, `1.5s`, `6m0s`, `1h0m0s`. */
export function goDuration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  if (ms < 60_000) return `${Math.ceil(ms) / 1_000}s`;
  const seconds = Math.ceil(ms / 1_000);
  const minutes = Math.floor(seconds / 60) % 60;
  const hours = Math.floor(seconds / 3_600);
  return `${hours > 0 ? `${hours}h` : ''}${minutes}m${seconds % 60}s`;
}
