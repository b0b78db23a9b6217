import { Registry } from 'prom-client';
import { type Clock, systemClock } from '../core/clock.ts';
import { type Logger, silentLogger } from '../core/logger.ts';
import { urlOf } from './listen.ts';
import { GatewayMetrics } from './metrics.ts';
import { serveMetrics } from './metrics-server.ts';
import type { Models } from './models.ts';
import type { Keys } from './ports.ts';
import { DataPlane } from './server.ts';

/** How the gateway listens; everything has a default but the port. */
export type ServeOptions = {
  /** Loopback unless told otherwise. */
  readonly host?: string | undefined;
  /** 0 takes a free port. */
  readonly port: number;
  /** Port of `/metrics`, on the same host; 0, the default, takes a free one. */
  readonly metricsPort?: number | undefined;
  /** Where the metrics go too, when the process has more of them. */
  readonly registry?: Registry | undefined;
  /** Largest request body in bytes: 16 MiB unless told otherwise. */
  readonly maxBodyBytes?: number | undefined;
  /** Longest time until a request's headers are complete: 15 s unless told otherwise. */
  readonly headersTimeoutMs?: number | undefined;
  /** Longest time until a request has been received: 60 s unless told otherwise. */
  readonly receiveTimeoutMs?: number | undefined;
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
};

/** A gateway that listens. */
export type Gateway = {
  readonly url: string;
  readonly metricsUrl: string;
  /** Stops accepting, lets running answers end for `drainMs` at most (none by default), then ends. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
};

/** Serves the data plane over models and keys that somebody else keeps up to date. */
export async function serve(models: Models, keys: Keys, ready: () => boolean, options: ServeOptions): Promise<Gateway> {
  const { host = '127.0.0.1', clock = systemClock, logger = silentLogger, registry = new Registry() } = options;
  let closing = false;
  const plane = new DataPlane(
    {
      models,
      keys,
      ready,
      closing: () => closing,
      metrics: new GatewayMetrics(registry, models),
      clock,
      logger,
      maxBodyBytes: options.maxBodyBytes ?? 16 * 1_048_576,
    },
    { headersTimeoutMs: options.headersTimeoutMs ?? 15_000, receiveTimeoutMs: options.receiveTimeoutMs ?? 60_000 },
  );
  const metricsServer = await serveMetrics(registry, host, options.metricsPort ?? 0, logger);
  try {
    const port = await plane.listen(host, options.port);
    return {
      url: urlOf(host, port),
      metricsUrl: `${urlOf(host, metricsServer.port)}/metrics`,
      async close({ drainMs = 0 } = {}) {
        closing = true;
        await plane.close(drainMs);
        await metricsServer.close();
      },
    };
  } catch (error) {
    await metricsServer.close();
    throw error;
  }
}
