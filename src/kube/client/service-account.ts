import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Credential, CredentialSource } from './credentials.ts';

/** Where the kubelet mounts a pod's service account. */
export const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

// A projected token lives for an hour and its file is renewed at 80 % of that; the authority's file can change at any time.
const maxAgeMs = 10_000;

/** The address of the API server as a pod's environment tells it. Throws an Error that names the variable that is missing. */
export function serviceAccountServer(env: Readonly<Record<string, string | undefined>>): string {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port)
    throw new Error('a pod finds its API server by KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which are not both set');
  return `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** The credential of a pod's service account: token and authority are read again as the kubelet renews their files. */
export class ServiceAccountCredentials implements CredentialSource {
  private readonly directory: string;
  private readonly clock: Clock;
  private current: { readonly credential: Credential; readonly readAt: number } | undefined;
  private reading: Promise<Credential> | undefined;

  constructor(directory: string, clock: Clock) {
    this.directory = directory;
    this.clock = clock;
  }

  get(): Promise<Credential> {
    const { current } = this;
    if (current && this.clock.now() - current.readAt < maxAgeMs) return Promise.resolve(current.credential);
    this.reading ??= this.read().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  refused(): void {
    if (this.current) this.current = { ...this.current, readAt: Number.NEGATIVE_INFINITY };
  }

  private async read(): Promise<Credential> {
    const readAt = this.clock.now();
    try {
      const [token, ca] = await Promise.all(['token', 'ca.crt'].map((file) => readFile(join(this.directory, file), 'utf8')));
      const credential = { headers: { authorization: `Bearer ${token?.trim()}` }, tls: ca?.trim() ? { ca } : {} };
      this.current = { credential, readAt };
      return credential;
    } catch (cause) {
      // What was read before may still be good; the server says when it is not.
      if (this.current) return this.current.credential;
      throw new Error(`cannot read the pod's service account in ${this.directory}`, { cause });
    }
  }
}
