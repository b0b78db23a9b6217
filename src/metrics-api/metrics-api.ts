import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { configMaps, InformerCache, type KubeClient, type Runnable, secrets } from '../kube/index.ts';
import { metricsApp } from './app.ts';
import { Authenticator } from './authenticator.ts';
import { readIdentity } from './certificates/identity.ts';
import type { ModelObjects } from './objects.ts';
import type { Place } from './place.ts';
import type { RequestMetrics } from './request-metrics.ts';
import { Reviews } from './reviews.ts';
import type { MetricSource } from './source.ts';
import { serveTls, type TlsMaterial, type TlsServer } from './tls-server.ts';
import { readTrust } from './trust.ts';
import { Watched } from './watched.ts';

export type MetricsApiOptions = {
  readonly host: string;
  readonly port: number;
  /** The flag that gives another port. */
  readonly flag: string;
  /** May write although its process does not lead: reviews are POSTs. */
  readonly client: KubeClient;
  /** Where the CertificateKeeper puts the certificate. */
  readonly secret: Place;
  readonly source: MetricSource;
  readonly objects: ModelObjects;
  /** Nobody measures unless given. */
  readonly requests?: RequestMetrics | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** What the API server tells extension API servers of itself. */
const trustRef = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };

/** How long the start may take before it is told what is missing. */
const patienceMs = 10_000;

/**
 * The aggregated API of metrics as a part of a Manager: listens once its certificate and whom to trust are known, and follows both.
 * It has a cache of its own: what keeps it from serving must not keep anybody else from working.
 */
export function metricsApi(options: MetricsApiOptions): Runnable {
  return { name: 'metrics-api', run: (signal) => run(options, signal) };
}

async function run(options: MetricsApiOptions, signal: AbortSignal) {
  const { host, port, flag, client, secret, source, objects, requests, clock, logger } = options;
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  const cache = new InformerCache(client, { clock, logger });
  const known = Promise.withResolvers<void>();
  let server: TlsServer | undefined;
  const onChange = () => {
    const material = materialOf();
    if (material) known.resolve();
    if (material && server) renew(server, material, logger);
  };
  const trust = new Watched({ cache, type: configMaps, ref: trustRef, read: ({ data }) => readTrust(data ?? {}), onChange, logger });
  const identity = new Watched({ cache, type: secrets, ref: secret, read: readIdentity, onChange, logger });
  const materialOf = (): TlsMaterial | undefined => {
    if (!identity.value || !trust.value) return undefined;
    const { clientAuthorities, proxyAuthorities } = trust.value;
    const { certificate: cert, key } = identity.value;
    return { cert, key, ca: [clientAuthorities.pem, proxyAuthorities.pem].filter((pem) => pem !== '') };
  };
  const running = cache.run(until);
  const waiting = tellWhatIsMissing();
  try {
    until.addEventListener('abort', () => known.resolve(), { once: true });
    await known.promise;
    const material = materialOf();
    if (signal.aborted || !material) return;
    const reviews = new Reviews({ client, clock, signal: until });
    const authenticator = new Authenticator({ trust: () => trust.value, reviewToken: (token) => reviews.userOf(token), clock });
    const app = metricsApp({ authenticator, reviews, source, objects, requests, clock, logger });
    server = await serveTls({ host, port, flag }, material, app, { clock, logger });
    logger.info({ port: server.port }, 'the metrics API listens');
    onChange();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await server.close();
  } finally {
    ended.abort();
    await Promise.all([running, waiting]);
  }

  async function tellWhatIsMissing(): Promise<void> {
    await clock.sleep(patienceMs, until).catch(() => {}); // ended: nothing to tell
    if (until.aborted || materialOf()) return;
    const missing = [trust, identity].flatMap((each) => (each.value === undefined ? [each.name] : []));
    logger.warn({ missing, waitingFor: cache.waitingFor }, 'the metrics API does not listen yet: what it needs is not there');
  }
}

function renew(server: TlsServer, material: TlsMaterial, logger: Logger): void {
  try {
    server.renew(material);
  } catch (error) {
    logger.error({ err: error }, 'the new certificate of the metrics API cannot be used, the old one stays');
  }
}
