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

const scopes = { tenant: 'of your organisation', key: 'of your key', model: 'for this model' } as const;

/** The answer to a request that a limit refuses: the limit that keeps it out for longest is the one to tell. */
export function limitRefusal(readings: readonly Reading[]): HttpError {
  const worst = readings.reduce((a, b) => (b.waitMs > a.waitMs ? b : a));
  const { name, scope, limit } = worst.gate;
  const what = `${limit} ${words[name]} ${scopes[scope]}`;
  const error = name === 'tokensPerDay' || name === 'tokensPerMonth' ? errors.insufficientQuota(what) : errors.rateLimitExceeded(what);
  return error.withHeaders({
    'retry-after': String(Math.max(1, Math.ceil(worst.waitMs / 1_000))),
    'retry-after-ms': String(Math.ceil(worst.waitMs)),
  });
}
