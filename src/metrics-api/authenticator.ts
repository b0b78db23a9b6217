import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { type CertificateChain, isIssuedBy, ownerOf } from './certificate-chain.ts';
import { failures } from './failure.ts';
import { type DistinctHeaders, userOfHeaders } from './request-headers.ts';
import type { Trust } from './trust.ts';
import { authenticated, type User } from './user.ts';

/** What a caller brings to say who he is. */
export type Credentials = {
  /** The certificate of his connection, where he has shown one that TLS found good. */
  readonly chain: CertificateChain | undefined;
  readonly headers: DistinctHeaders;
};

/** Asks who a bearer token belongs to; undefined when it is not valid. */
type TokenReviewer = (token: string) => Promise<User | undefined>;

type AuthenticatorOptions = {
  /** What is trusted now; undefined while that is not known. */
  readonly trust: () => Trust | undefined;
  readonly reviewToken: TokenReviewer;
  readonly clock: Clock;
};

type Verdict = { readonly trust: Trust; readonly until: number; readonly proxy: boolean; readonly client: boolean };

/** For how long what was found about a certificate holds: connections live long, and signatures cost. */
const verdictMs = 60_000;

/**
 * Tells who calls, as an API server behind another one does: by the headers of a front proxy that proved to be one, else by the
 * caller's own certificate, else by a bearer token. Headers from anybody else say nothing.
 */
export class Authenticator {
  private readonly options: AuthenticatorOptions;
  private readonly verdicts = new WeakMap<X509Certificate, Verdict>();

  constructor(options: AuthenticatorOptions) {
    this.options = options;
  }

  /** Throws 401 for nobody known, 503 while it cannot be told. */
  async authenticate({ chain, headers }: Credentials): Promise<User> {
    const trust = this.options.trust();
    if (!trust)
      throw failures.unavailable('Whom to trust has not been read yet from ConfigMap kube-system/extension-apiserver-authentication');
    const user = this.byCertificate(chain, headers, trust) ?? (await this.byToken(headers));
    if (!user) throw failures.unauthorized();
    return authenticated(user);
  }

  private byCertificate(chain: CertificateChain | undefined, headers: DistinctHeaders, trust: Trust): User | undefined {
    if (!chain) return undefined;
    const { name, organizations } = ownerOf(chain.leaf);
    if (name === undefined || name === '') return undefined;
    const { proxy, client } = this.verdictOn(chain, trust);
    const maySpeak = proxy && (trust.proxyNames.length === 0 || trust.proxyNames.includes(name));
    const told = maySpeak ? userOfHeaders(headers, trust.headers) : undefined;
    return told ?? (client ? { name, groups: organizations, extra: {} } : undefined);
  }

  private verdictOn(chain: CertificateChain, trust: Trust): Verdict {
    const now = this.options.clock.now();
    const known = this.verdicts.get(chain.leaf);
    if (known?.trust === trust && now < known.until) return known;
    const proxy = isIssuedBy(chain, trust.proxyAuthorities.certificates, now);
    const client = isIssuedBy(chain, trust.clientAuthorities.certificates, now);
    const verdict = { trust, until: now + verdictMs, proxy, client };
    this.verdicts.set(chain.leaf, verdict);
    return verdict;
  }

  private async byToken(headers: DistinctHeaders): Promise<User | undefined> {
    const token = /^Bearer +(\S+)$/i.exec(headers.authorization?.[0] ?? '')?.[1];
    return token === undefined ? undefined : this.options.reviewToken(token);
  }
}
