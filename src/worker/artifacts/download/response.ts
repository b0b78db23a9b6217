import type { Dispatcher } from 'undici';

type Headers = Dispatcher.ResponseData['headers'];

/** What tells one version of a file from another. */
export type Validators = { readonly etag?: string; readonly lastModified?: string };

export function validatorsOf(headers: Headers): Validators {
  const etag = header(headers, 'etag');
  const lastModified = header(headers, 'last-modified');
  return { ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) };
}

/**
 * What `If-Range` may be sent with: only a strong validator promises the same bytes (RFC 9110, 13.1.5).
 * A date is strong when the answer was given at least a second later (8.8.2.2).
 */
export function strongValidator(headers: Headers): string | undefined {
  const { etag, lastModified } = validatorsOf(headers);
  if (etag !== undefined) return etag.startsWith('W/') ? undefined : etag;
  const ageMs = Date.parse(header(headers, 'date') ?? '') - Date.parse(lastModified ?? '');
  return ageMs >= 1_000 ? lastModified : undefined;
}

/** Which bytes of the file the body holds: from `from`, of `total` if that is known. Undefined for a 206 that does not say. */
export function extentOf({
  statusCode,
  headers,
}: Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'>): { from: number; total: number | null } | undefined {
  if (statusCode !== 206) return { from: 0, total: wholeNumber(header(headers, 'content-length')) };
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header(headers, 'content-range') ?? '') ?? [];
  return from === undefined ? undefined : { from: Number(from), total: wholeNumber(total) };
}

/** The longest wait that a server is granted. */
const longestWaitMs = 300_000;

/** `Retry-After` in milliseconds: seconds or a date; 0 when there is none. */
export function retryAfterMs(headers: Headers, now: number): number {
  const text = header(headers, 'retry-after') ?? '';
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Math.min(longestWaitMs, Math.max(0, ms || 0));
}

export function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}
