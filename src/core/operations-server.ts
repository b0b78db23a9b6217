import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type ListenAddress, listenOn } from './listen.ts';
import type { Logger } from './logger.ts';

/** What a process tells of itself. */
export type Operations = {
  /** A prom-client Registry, or its like. */
  readonly registry: { readonly contentType: string; metrics(): Promise<string> };
  /** Why the process cannot be relied on now, one short text each; empty when it can. */
  readonly waitingFor: () => readonly string[];
  /** What else there is, by path. Asked for GET and HEAD alone. */
  readonly routes?: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> | undefined;
  readonly logger: Logger;
};

/**
 * Serves what operators and kubelets ask of a process, in plain HTTP on a port of its own: `/metrics`, `/readyz` (200, or 503
 * with what it waits for) and `/healthz`, which asks nobody else: an answer proves that the process is alive, and it must
 * not be restarted because something else is down.
 */
export async function serveOperations(
  address: ListenAddress,
  { registry, waitingFor, routes: more, logger }: Operations,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const routes: NonNullable<Operations['routes']> = {
    ...more,
    '/healthz': (_, response) => sendText(response, 200, 'ok'),
    '/readyz': (_, response) => {
      const missing = waitingFor();
      if (missing.length === 0) sendText(response, 200, 'ok');
      else sendText(response, 503, missing.map((what) => `waits for ${what}`).join('\n'));
    },
    '/metrics': (_, response) => {
      registry.metrics().then(
        (text) => sendText(response, 200, text, registry.contentType),
        (error: unknown) => {
          logger.error({ err: error }, 'metrics cannot be collected');
          sendText(response, 500, 'metrics cannot be collected');
        },
      );
    },
  };
  const server = createServer((request, response) => {
    const answer = routes[request.url?.split('?')[0] ?? ''];
    if (!answer) sendText(response, 404, `there is only ${Object.keys(routes).join(' ')}`);
    else if (request.method === 'GET' || request.method === 'HEAD') answer(request, response);
    else sendText(response.setHeader('allow', 'GET, HEAD'), 405, 'GET or HEAD only');
  });
  const port = await listenOn(server, address, logger);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function sendText(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type }).end(text.endsWith('\n') ? text : `${text}\n`);
}
