import { describeError, Failure } from '../../../core/failure.ts';
import type { FailureReason } from '../../../core/reasons.ts';

/** A failure that may pass: the download is worth another try, not before `retryAfterMs` if the server said so. */
export class Interrupted extends Error {
  readonly failure: Failure;
  readonly retryAfterMs: number;

  constructor(failure: Failure, retryAfterMs = 0) {
    super(failure.message, { cause: failure });
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
  }
}

/** How a URL is shown: no credentials, and no query, which may be signed. */
export function titleOf(url: URL): string {
  return `${url.host}${url.pathname}`;
}

const reasonOfStatus: Readonly<Record<number, FailureReason>> = {
  401: 'SourceUnauthorized',
  403: 'SourceUnauthorized',
  404: 'SourceNotFound',
  410: 'SourceNotFound',
  429: 'SourceRateLimited',
};

/** What an answer without the file means. Interrupted for what may pass: 408, 416 (the begun download was discarded), 429 and 5xx. */
export function statusFailure(status: number, title: string, retryAfterMs: number): Failure | Interrupted {
  const failure = new Failure(reasonOfStatus[status] ?? 'SourceUnreachable', `${title}: the server answered ${status}.`);
  return status === 408 || status === 416 || status === 429 || status >= 500 ? new Interrupted(failure, retryAfterMs) : failure;
}

/** What an error of the network means; Interrupted unless the certificate is not trusted. */
export function networkFailure(error: unknown, title: string): Failure | Interrupted {
  if (error instanceof Failure || error instanceof Interrupted) return error;
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException;
  if (/CERT|^ERR_TLS|^UNABLE_TO_|^CRL_|^INVALID_(CA|PURPOSE)/.test(code))
    return new Failure('SourceUntrusted', `${title}: ${describeError(error)} (${code}).`, { cause: error });
  const what = describeError(error) || code || 'the connection failed';
  return new Interrupted(new Failure('SourceUnreachable', `${title}: ${what}.`, { cause: error }));
}
