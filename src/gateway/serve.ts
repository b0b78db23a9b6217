import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { statsPath } from '../api/gateway-stats.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { urlOf } from '../core/listen.ts';
import { type Logger, silentLogger } from '../core/logger.ts';
import { serveOperations } from '../core/operations-server.ts';
import { TokenFile } from '../core/token-file.ts';
import { type AdminAddress, serveAdmin } from './admin/server.ts';
import type { AnswerCache } from './cache/answer-cache.ts';
import { MemoryCache } from './cache/memory-cache.ts';
import { Certificate, type CertificateFiles } from './certificate.ts';
import { CrossOrigin } from './cors.ts';
import { exportKeyUses } from './identity/key-metrics.ts';
import { exportSharing } from './limits/limit-metrics.ts';
import { MemoryStore } from './limits/memory-store.ts';
import type { LimitStore } from './limits/store.ts';
import { GatewayMetrics } from './metrics.ts';
import type { Models } from './models.ts';
import type { Keys } from './ports.ts';
import type { Networks } from './proxy-protocol/networks.ts';
import { Proxies } from './proxy-protocol/proxies.ts';
import { exportServers } from './redis/server-metrics.ts';
import { type CloseOptions, DataPlane } from './server.ts';
import { StatsStream } from './stats-stream.ts';
import type { UsageLog } from './usage/log.ts';

/** How the gateway listens; everything has a default but the port. */
export type ServeOptions = {
  /** Loopback unless told otherwise. */
  readonly host?: string | undefined;
  /** 0 takes a free port. */
  readonly port: number;
  /** Port of `/metrics`, `/healthz` and `/readyz` in plain HTTP, on the same host; 0, the default, takes a free one. */
  readonly metricsPort?: number | undefined;
  /** Speak TLS on `port` with these, and with what they become while the gateway runs. */
  readonly tls?: CertificateFiles | undefined;
  /** Networks of the proxies that tell by the PROXY protocol who calls; nobody else is served then. Callers come straight unless told. */
  readonly proxiesFrom?: Networks | undefined;
  /** Serve `/stats` on the metrics port to whoever has a token of this file; there is none unless told. */
  readonly statsTokenFile?: string | undefined;
  /** Serve the admin surface, in plain HTTP on the same host; there is none unless told. */
  readonly admin?: AdminAddress | undefined;
  /** Where the metrics go too, when the process has more of them. */
  readonly registry?: Registry | undefined;
  /** How many gateways share the limits that each counts in its own memory: 1 unless told. */
  readonly gateways?: (() => number) | undefined;
  /** Counts what tenants use: in this process, as if it were the only gateway, unless told otherwise. */
  readonly limits?: LimitStore | undefined;
  /** Largest request body in bytes: 16 MiB unless told otherwise. */
  readonly maxBodyBytes?: number | undefined;
  /** Most bytes of answers that are kept to be given again, for deployments with a cache: 64 MiB unless told otherwise, 0 for none. */
  readonly responseCacheBytes?: number | undefined;
  /** Where those answers are kept: in this process unless told otherwise. */
  readonly responseCache?: AnswerCache | undefined;
  /** Origins whose pages may call from a browser, `*` for all; none unless told. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Longest time until a request's headers are complete: 15 s unless told otherwise. */
  readonly headersTimeoutMs?: number | undefined;
  /** Longest time until a request has been received: 60 s unless told otherwise. */
  readonly receiveTimeoutMs?: number | undefined;
  /** Longest time that a caller may take nothing of an answer that lies ready: 60 s unless told otherwise. */
  readonly unreadTimeoutMs?: number | undefined;
  /** Where each request leaves a record; none unless told. The caller opened it and closes it after the gateway. */
  readonly usageLog?: Pick<UsageLog, 'add' | 'lost'> | undefined;
  /** The stream that the log writes to too, if any: metrics tell whether its server is there. */
  readonly usageStream?: { readonly usable: boolean } | undefined;
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
};

/** A proxy sends its header at once; the specification of the PROXY protocol asks for 3 s at least, for a packet that is lost. */
const proxyTimeoutMs = 5_000;

/** A gateway that listens. */
export type Gateway = {
  readonly url: string;
  readonly metricsUrl: string;
  readonly adminUrl?: string | undefined;
  /** Ends as the data plane does; the probes say so from the first moment on, and are answered to the last. */
  close(options?: CloseOptions): Promise<void>;
};

/** Serves the data plane over models and keys that somebody else keeps up to date; `waitingFor` tells what is not read yet. */
export async function serve(models: Models, keys: Keys, waitingFor: () => readonly string[], options: ServeOptions): Promise<Gateway> {
  const { host = '127.0.0.1', clock = systemClock, logger = silentLogger, registry = new Registry(), headersTimeoutMs = 15_000 } = options;
  const certificate = options.tls && (await Certificate.load(options.tls, clock, logger));
  const tokens = options.statsTokenFile === undefined ? undefined : await TokenFile.open(options.statsTokenFile);
  const stats = tokens && new StatsStream({ models, tokens, gateway: hostname(), clock, logger });
  const cacheBytes = options.responseCacheBytes ?? 64 * 1_048_576;
  const ending = new AbortController();
  const limits: LimitStore = options.limits ?? new MemoryStore(clock, options.gateways ?? (() => 1));
  exportKeyUses(registry, keys);
  exportSharing(registry, limits);
  exportServers(registry, options.responseCache, options.usageStream);
  let hasRead = false;
  const isMissing = () => (ending.signal.aborted ? ['the end: it stops'] : waitingFor());
  const plane = new DataPlane(
    {
      models,
      keys,
      limits,
      ready: () => {
        hasRead ||= waitingFor().length === 0;
        return hasRead;
      },
      closing: () => ending.signal.aborted,
      metrics: new GatewayMetrics(registry, models, options.usageLog),
      usage: options.usageLog,
      cors: options.corsOrigins?.length ? new CrossOrigin(options.corsOrigins) : undefined,
      responseCache: options.responseCache ?? (cacheBytes > 0 ? new MemoryCache(cacheBytes) : undefined),
      clock,
      logger,
      maxBodyBytes: options.maxBodyBytes ?? 16 * 1_048_576,
    },
    { headersTimeoutMs, receiveTimeoutMs: options.receiveTimeoutMs ?? 60_000, unreadTimeoutMs: options.unreadTimeoutMs ?? 60_000 },
    certificate?.pair,
    options.proxiesFrom &&
      new Proxies({ from: options.proxiesFrom, headerTimeoutMs: Math.min(headersTimeoutMs, proxyTimeoutMs), clock, logger }),
  );
  const operations = await serveOperations(
    { host, port: options.metricsPort ?? 0, flag: '--metrics-port' },
    {
      registry,
      logger,
      waitingFor: isMissing,
      routes: stats && { [statsPath]: stats.answer },
    },
  );
  const admin =
    options.admin &&
    (await serveAdmin(host, options.admin, { models, keys, limits, registry, waitingFor: isMissing, logger }).catch(
      async (error: unknown) => {
        await operations.close();
        throw error;
      },
    ));
  try {
    const port = await plane.listen({ host, port: options.port, flag: '--port' });
    const renewing = certificate?.follow((pair) => plane.setIdentity(pair), ending.signal);
    return {
      url: urlOf(host, port, certificate ? 'https' : 'http'),
      metricsUrl: `${urlOf(host, operations.port)}/metrics`,
      adminUrl: admin && urlOf(host, admin.port),
      async close(closeOptions) {
        ending.abort();
        await plane.close(closeOptions);
        await renewing;
        stats?.close();
        await admin?.close();
        await operations.close();
      },
    };
  } catch (error) {
    await admin?.close();
    await operations.close();
    throw error;
  }
}
