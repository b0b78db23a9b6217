import type { IncomingMessage } from 'node:http';

/** What pages may read of an answer besides its body. */
const exposed = [
  'x-request-id',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'x-modelfleet-cache',
  ...['limit', 'remaining', 'reset'].flatMap((what) => [`x-ratelimit-${what}-requests`, `x-ratelimit-${what}-tokens`]),
].join(', ');

/** Which pages of the web may call the gateway from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol). Keys come in a header, so no credentials are allowed. */
export class CrossOrigin {
  private readonly origins: ReadonlySet<string>;
  private readonly any: boolean;

  /** `origins` such as `https://chat.example.org`; `*` allows all. */
  constructor(origins: readonly string[]) {
    this.origins = new Set(origins);
    this.any = this.origins.has('*');
  }

  /** Headers of the answer to a page of this origin: names and values in turn. */
  headersFor(origin: string | undefined): readonly string[] {
    if (this.any) return origin === undefined ? [] : ['access-control-allow-origin', '*', 'access-control-expose-headers', exposed];
    // Also without an origin: a cache must not give a page what it has kept of another.
    if (origin === undefined || !this.origins.has(origin)) return ['vary', 'Origin'];
    return ['vary', 'Origin', 'access-control-allow-origin', origin, 'access-control-expose-headers', exposed];
  }
}

/** Whether a browser asks if it may send a request. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
