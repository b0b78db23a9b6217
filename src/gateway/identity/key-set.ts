import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/failure.ts';
import { isJsonObject } from '../../core/json.ts';
import type { Logger } from '../../core/logger.ts';

/** Keys are fetched anew in the background when they are older than this: a key that its issuer withdrew ends then. */
const freshMs = 10 * 60_000;
/** While the issuer cannot be reached, the last keys serve for this long after they were fetched. */
const usableMs = 24 * 3_600_000;
/** A key that is not known makes the set be fetched at most this often, whatever callers send. */
const pauseMs = 30_000;
const fetchTimeoutMs = 5_000;
const maxBytes = 512 * 1_024;

/** What key sets need; `fetch` is the global one but in tests. */
export type KeySetOptions = { readonly clock: Pick<Clock, 'now'>; readonly logger: Logger; readonly fetch?: typeof fetch };

/** Where the keys of an issuer are: at an address, or told by the issuer's OpenID configuration. */
export type KeySetSource = { readonly issuer: string; readonly jwksUri: string | undefined };

/** The public keys of an issuer, as of the last time that it could be asked. */
export class KeySet {
  private readonly source: KeySetSource;
  private readonly options: KeySetOptions;
  private keys: JWTVerifyGetKey | undefined;
  private fetchedAt = 0;
  private triedAt = Number.NEGATIVE_INFINITY;
  private fetching: Promise<void> | undefined;
  /** Counts the sets: what was proved by an older one must be proved again. */
  version = 0;

  constructor(source: KeySetSource, options: KeySetOptions) {
    this.source = source;
    this.options = options;
  }

  /** The keys, while they may be used; has them fetched anew in the background when it is time. */
  current(): JWTVerifyGetKey | undefined {
    const age = this.options.clock.now() - this.fetchedAt;
    if (!this.keys || age >= usableMs) return undefined;
    if (age >= freshMs) void this.refresh();
    return this.keys;
  }

  /** The keys; waits only when there are none that may be used. Undefined when the issuer cannot be reached. */
  async usable(): Promise<JWTVerifyGetKey | undefined> {
    if (!this.current()) await this.refresh();
    return this.current();
  }

  /** Looks whether the issuer has new keys, unless it has been asked just now; whether it had. Never rejects. */
  async refresh(): Promise<boolean> {
    const before = this.version;
    if (!this.fetching) {
      if (this.options.clock.now() - this.triedAt < pauseMs) return false;
      this.triedAt = this.options.clock.now();
      this.fetching = this.fetchKeys().finally(() => {
        this.fetching = undefined;
      });
    }
    await this.fetching;
    return this.version !== before;
  }

  private async fetchKeys(): Promise<void> {
    const { clock, logger } = this.options;
    try {
      const uri = this.source.jwksUri ?? (await this.discover());
      const answer = await this.get(uri);
      if (!isKeySet(answer)) throw new Error('the answer is no JSON Web Key Set');
      this.keys = createLocalJWKSet(answer);
      this.fetchedAt = clock.now();
      this.version += 1;
    } catch (cause) {
      logger.warn({ issuer: this.source.issuer, cause: describeError(cause) }, 'the keys of an issuer of tokens could not be fetched');
    }
  }

  private async discover(): Promise<string> {
    const { issuer } = this.source;
    const answer = await this.get(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    if (!isJsonObject(answer) || answer.issuer !== issuer) throw new Error('the OpenID configuration is that of another issuer');
    if (typeof answer.jwks_uri !== 'string') throw new Error('the OpenID configuration has no jwks_uri');
    return answer.jwks_uri;
  }

  private async get(uri: string): Promise<unknown> {
    const ask = this.options.fetch ?? fetch;
    const answer = await ask(uri, {
      redirect: 'error',
      signal: AbortSignal.timeout(fetchTimeoutMs),
      headers: { accept: 'application/json' },
    });
    if (!answer.ok) throw new Error(`the issuer answered ${answer.status}`);
    let bytes = 0;
    const parts: Uint8Array[] = [];
    for await (const part of answer.body ?? []) {
      bytes += part.length;
      if (bytes > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
      parts.push(part);
    }
    return JSON.parse(Buffer.concat(parts).toString());
  }
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return isJsonObject(value) && Array.isArray(value.keys) && value.keys.every((key) => isJsonObject(key) && typeof key.kty === 'string');
}
