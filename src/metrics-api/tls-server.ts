import { constants } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { Clock } from '../core/clock.ts';
import { type ListenAddress, listenOn } from '../core/listen.ts';
import type { Logger } from '../core/logger.ts';

/** PEM: the server's own certificate and key, and the authorities of certificates that callers may show. */
export type TlsMaterial = { readonly cert: string; readonly key: string; readonly ca: readonly string[] };

export type TlsServer = {
  readonly port: number;
  /** New connections are made with this. Throws when it cannot be used; then the old one stays. */
  renew(material: TlsMaterial): void;
  /** Lets requests that run end, for a moment. */
  close(): Promise<void>;
};

const handshakeMs = 10_000;
const requestMs = 10_000;
/** Longer than the API server keeps a connection idle: it must be the one to close it, or a request could meet a closed one. */
const keepAliveMs = 120_000;
const closeGraceMs = 2_000;
const maxConnections = 1_024;

/** Serves HTTPS to whoever asks, with a certificate or without: who that is, is asked for each request. */
export async function serveTls(
  address: ListenAddress,
  material: TlsMaterial,
  listener: RequestListener,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<TlsServer> {
  const server = createServer(
    {
      ...contextOf(material),
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeMs,
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
    },
    listener,
  );
  server.maxConnections = maxConnections;
  server.on('tlsClientError', (error) => logger.debug({ err: error }, 'a TLS handshake failed'));
  const port = await listenOn(server, address, logger);
  return {
    port,
    renew: (next) => server.setSecureContext(contextOf(next)),
    async close() {
      const over = new AbortController();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await Promise.race([closed, clock.sleep(closeGraceMs, over.signal).catch(() => {})]); // closed in time
      over.abort();
      server.closeAllConnections();
      await closed;
    },
  };
}

function contextOf({ cert, key, ca }: TlsMaterial) {
  return {
    cert,
    key,
    ca: [...ca],
    minVersion: 'TLSv1.2' as const,
    // A resumed session would bring back what was thought of its certificate then, and without the chain.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
