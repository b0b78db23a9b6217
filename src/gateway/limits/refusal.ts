import { errors, type HttpError } from '../../core/errors.ts';
import type { Reading } from './store.ts';

/** How each limit is called where it refuses. */
const words = {
  requestsPerMinute: 'requests per minute',
  tokensPerMinute: 'tokens per minute',
  concurrency: 'requests at the same time',
  tokensPerDay: 'tokens per day',
  tokensPerMonth: 'tokens per month',
} as const;

/** Clients of OpenAI's wait for a minute, where one is told; for whoever must wait longer they would try in vain, within seconds. */
const longestRetryMs = 60_000;

const scopes = { tenant: 'of your organisation', key: 'of your key', model: 'for this model' } as const;

/** Of the limits of a refused request the one that keeps it out for longest: the one to tell. */
export function worstOf(readings: readonly Reading[]): Reading {
  return readings.reduce((a, b) => (b.waitMs > a.waitMs ? b : a));
}

/** The answer to a request that this limit refuses. */
export function limitRefusal(worst: Reading): HttpError {
  const { name, scope, limit } = worst.gate;
  const what = `${limit} ${words[name]} ${scopes[scope]}`;
  const error = name === 'tokensPerDay' || name === 'tokensPerMonth' ? errors.insufficientQuota(what) : errors.rateLimitExceeded(what);
  return error.withHeaders({
    'retry-after': String(Math.max(1, Math.ceil(worst.waitMs / 1_000))),
    'retry-after-ms': String(Math.ceil(worst.waitMs)),
    ...(worst.waitMs > longestRetryMs && { 'x-should-retry': 'false' }),
  });
}
