import type { LimitName } from '../../api/tenant-limits.ts';
import type { Reading } from './store.ts';

/** A limit that OpenAI's headers call by a word, and the IETF's draft a policy. */
type Rate = { readonly name: LimitName; readonly word: string; readonly limit: string; readonly remaining: string; readonly reset: string };

const rates: readonly Rate[] = [rate('requestsPerMinute', 'requests'), rate('tokensPerMinute', 'tokens')];

/** Its headers are named once: every answer has them. */
function rate(name: LimitName, word: string): Rate {
  return { name, word, limit: `x-ratelimit-limit-${word}`, remaining: `x-ratelimit-remaining-${word}`, reset: `x-ratelimit-reset-${word}` };
}

/**
 * Names and values in turn: OpenAI's `x-ratelimit-*`, and `RateLimit` with `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers). Of several limits of a kind the one that is nearest to its end is told.
 */
export function limitHeaders(readings: readonly Reading[]): string[] {
  const headers: string[] = [];
  let policies = '';
  let states = '';
  for (const { name, word, limit, remaining, reset } of rates) {
    const reading = tightest(readings, name);
    if (!reading) continue;
    const { gate, resetMs } = reading;
    headers.push(limit, String(gate.limit), remaining, String(reading.remaining), reset, goDuration(resetMs));
    const comma = policies === '' ? '' : ', ';
    policies += `${comma}"${word}";q=${gate.limit};w=60`;
    states += `${comma}"${word}";r=${reading.remaining};t=${Math.ceil(resetMs / 1000)}`;
  }
  if (policies !== '') headers.push('ratelimit-policy', policies, 'ratelimit', states);
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
