import { mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { type Clock, type Random, systemClock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { answer } from './answer.ts';
import { bearerTokenMatches, loadToken } from './auth.ts';
import { bootstrapNamespaces } from './bootstrap.ts';
import type { Catalog } from './catalog.ts';
import type { ApiContext, ServedMetrics } from './context.ts';
import { CrdLifecycle } from './crds.ts';
import { discoveryDocument } from './discovery.ts';
import { expireEvents } from './event-expiry.ts';
import { Faults } from './faults.ts';
import { deleteInBackground } from './handlers/delete.ts';
import { releaseCrd } from './handlers/release-crd.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import type { LogSource } from './logs.ts';
import { withMetrics } from './metrics-catalog.ts';
import { openapiDocument } from './openapi.ts';
import { ResourceRegistry } from './registry.ts';
import { builtinResources, definitionsFromCrd } from './resources/index.ts';
import { route } from './router.ts';
import { statuses } from './status.ts';
import { Store } from './storage/store.ts';
import { toTable } from './table.ts';
import { loadServerIdentity } from './tls.ts';
import { versionInfo } from './version.ts';

export type ApiServerOptions = {
  /** Holds the journal, the certificates and the token. Made when absent; one server at a time may use it. */
  readonly stateDir: string;
  /** A loopback address: the token is the only thing that protects this server. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Where `kubectl logs` reads; without it logs answer 400. */
  readonly logs?: LogSource;
  /** What `external.metrics.k8s.io` and `custom.metrics.k8s.io` answer; without it these groups are not served. */
  readonly metrics?: ServedMetrics;
  readonly faults?: Faults;
  /** Where to write a kubeconfig; none is written when absent. */
  readonly kubeconfigPath?: string;
  /** Changes remembered for each resource, for watches that resume. */
  readonly historySize?: number;
};

export type RunningApiServer = {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly caCertificate: string;
  readonly kubeconfigPath?: string;
  /** Makes the server misbehave, for tests. */
  readonly faults: Faults;
  /** Ends watches, answers what is under way, and closes the journal. */
  close(): Promise<void>;
};

const catalog: Catalog = { builtin: builtinResources, definitionsFromCrd, toTable, discoveryDocument, openapiDocument };
const publicPaths = new Set(['/healthz', '/livez', '/readyz', '/version']);
const closeGraceMs = 2000;

/**
 * Starts the embedded Kubernetes API server on a loopback address. Rejects with the system's error when the port is taken,
 * and with CorruptJournalError when stored objects cannot be read.
 */
export async function startApiServer(options: ApiServerOptions): Promise<RunningApiServer> {
  const clock = options.clock ?? systemClock;
  const host = options.host ?? '127.0.0.1';
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const [identity, token] = await Promise.all([loadServerIdentity(options.stateDir, clock), loadToken(options.stateDir)]);
  const store = await Store.open({
    path: join(options.stateDir, 'journal.ndjson'),
    logger: options.logger,
    ...(options.historySize === undefined ? {} : { historySize: options.historySize }),
  });
  const context: ApiContext = {
    store,
    registry: new ResourceRegistry(catalog.builtin),
    catalog: options.metrics ? withMetrics(catalog) : catalog,
    clock,
    random: options.random ?? Math.random,
    logger: options.logger,
    faults: options.faults ?? new Faults(),
    logs: options.logs,
    metrics: options.metrics,
  };
  const crds = new CrdLifecycle(context, {
    removeObject: (definition, object) => deleteInBackground(context, definition, object),
    release: (crd) => releaseCrd(context, crd),
  });
  const closing = new AbortController();
  const server = createServer({ key: identity.key, cert: identity.certificate, keepAliveTimeout: 120_000 }, (request, response) => {
    serve(context, token, closing.signal, request, response).catch((error: unknown) => {
      options.logger.error({ err: error }, 'an answer could not be sent');
      response.destroy();
    });
  });
  try {
    await bootstrapNamespaces(context);
    const port = await listen(server, host, options.port ?? 0);
    const url = `https://${host}:${port}`;
    const { caCertificate } = identity;
    const sweeping = expireEvents(context, closing.signal);
    if (options.kubeconfigPath !== undefined) await writeKubeconfig(options.kubeconfigPath, { url, caCertificate, token });
    return {
      url,
      port,
      token,
      caCertificate,
      ...(options.kubeconfigPath === undefined ? {} : { kubeconfigPath: options.kubeconfigPath }),
      faults: context.faults,
      close: async () => {
        closing.abort(new Error('the server is closing'));
        crds.close();
        await Promise.all([closeServer(server), sweeping]);
        await store.close();
      },
    };
  } catch (error) {
    closing.abort(error);
    crds.close();
    server.close();
    await store.close();
    throw error;
  }
}

async function serve(
  context: ApiContext,
  token: string,
  closing: AbortSignal,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the client has gone')));
  const signal = AbortSignal.any([closing, gone.signal]);
  await answer(context, request, response, signal, async () => {
    const url = new URL(request.url ?? '/', 'https://localhost');
    if (publicPaths.has(url.pathname) || /^\/(livez|readyz)\//.test(url.pathname)) {
      if (url.pathname === '/version') return { code: 200, body: JSON.stringify(versionInfo) };
      response.setHeader('content-type', 'text/plain');
      return { code: 200, body: 'ok' };
    }
    if (!bearerTokenMatches(request.headers.authorization, token)) throw statuses.unauthorized();
    return route(context, { request, response, url, signal });
  });
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
      else reject(new Error('the server has no port'));
    });
  });
}

/** Waits for answers under way, but not for ever. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection is idle only once its answer is out, and then nobody else would close it.
  const idle = setInterval(() => server.closeIdleConnections(), 10);
  const deadline = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}
