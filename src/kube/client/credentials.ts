import type { RequestOptions } from 'node:https';
import type { Cluster, KubeConfig, User } from '@kubernetes/client-node';
import type { Clock } from '../../core/clock.ts';

/** What a TLS connection to the API server needs. */
export type TlsMaterial = {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
};

/** Who we are to the API server, at this moment. */
export type Credential = { readonly headers: Readonly<Record<string, string>>; readonly tls: TlsMaterial };

/** Gives the current credential; tokens and certificates may rotate between two calls. */
export type CredentialSource = {
  get(): Promise<Credential>;
  /** The server refused the last credential (401): the next `get` must not answer from a cache. */
  refused(): void;
};

/** One credential for ever: a bearer token and a CA certificate (PEM). */
export function fixedCredential(options: { token?: string | undefined; caCertificate?: string | undefined }): CredentialSource {
  const credential: Credential = {
    headers: options.token === undefined ? {} : { authorization: `Bearer ${options.token.trim()}` },
    tls: options.caCertificate === undefined ? {} : { ca: options.caCertificate },
  };
  return { get: async () => credential, refused: () => {} };
}

// Token and CA files are read this often at most: a projected token lives for an hour, and its file is renewed at 80 % of that.
const maxAgeMs = 10_000;

/**
 * The credential of a kubeconfig's current context, through client-node's authenticators: bearer token, token file, exec plugin,
 * OIDC, basic, client certificate. client-node caches tokens by itself, so a refused one is replaced by starting from a fresh KubeConfig.
 */
export class KubeConfigCredentials implements CredentialSource {
  private readonly cluster: Cluster;
  private readonly user: User;
  private readonly clock: Clock;
  private config: KubeConfig | undefined;
  private current: { readonly credential: Promise<Credential>; readonly readAt: number } | undefined;

  constructor(cluster: Cluster, user: User, clock: Clock) {
    // Without TLS there is nothing to verify; client-node refuses http:// unless told so.
    this.cluster = cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster;
    this.user = user;
    this.clock = clock;
  }

  get(): Promise<Credential> {
    const now = this.clock.now();
    if (this.current && now - this.current.readAt < maxAgeMs) return this.current.credential;
    const credential = this.read();
    const current = { credential, readAt: now };
    this.current = current;
    credential.catch(() => {
      if (this.current === current) this.current = undefined;
    });
    return credential;
  }

  refused(): void {
    this.current = undefined;
    this.config = undefined;
  }

  private async read(): Promise<Credential> {
    this.config ??= await freshConfig(this.cluster, this.user);
    const options: RequestOptions = {};
    await this.config.applyToHTTPSOptions(options);
    return credentialFrom(options);
  }
}

async function freshConfig(cluster: Cluster, user: User): Promise<KubeConfig> {
  // Loaded only when used: importing client-node costs a second and 60 MB.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromClusterAndUser(cluster, user);
  return config;
}

function credentialFrom(options: RequestOptions): Credential {
  const headers: Record<string, string> = {};
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  for (const [name, value] of Object.entries((options.headers ?? {}) as Record<string, unknown>)) {
    // A token file may end with a newline, which no header may.
    headers[name.toLowerCase()] = String(value).trim();
  }
  const { ca, cert, key, servername, rejectUnauthorized } = options as TlsMaterial;
  const tls: TlsMaterial = {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(servername && { servername }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  };
  return { headers, tls };
}
