import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AgentStatus } from '../../core/agent-contract.ts';
import { describeError } from '../../core/failure.ts';
import type { Logger } from '../../core/logger.ts';
import type { WorkerMetrics } from './metrics.ts';

export type Management = {
  status(): AgentStatus;
  /** Refuse new requests, finish the old ones, stay up. */
  drain(): void;
  readonly metrics: WorkerMetrics;
};

/** The management port: `/status`, `/livez`, `/readyz`, `/metrics`, `POST /drain`. Not listening yet. */
export function createManagementServer(management: Management, logger: Logger): Server {
  const server = createServer((request, response) => {
    request.resume();
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    respond(management, request.method ?? 'GET', path, response).catch((error: unknown) => {
      logger.error({ err: error, path }, 'management request failed');
      if (response.headersSent) response.destroy();
      else text(response, 500, describeError(error));
    });
  });
  server.keepAliveTimeout = 75_000;
  return server;
}

async function respond(management: Management, method: string, path: string, response: ServerResponse): Promise<void> {
  if (path === '/drain') {
    if (method !== 'POST') return text(response, 405, 'POST /drain begins a drain', { allow: 'POST' });
    management.drain();
    return json(response, 202, management.status());
  }
  if (method !== 'GET' && method !== 'HEAD') return text(response, 405, 'only GET is allowed here', { allow: 'GET, HEAD' });
  switch (path) {
    case '/status':
      return json(response, 200, management.status());
    case '/livez':
      // The agent looks after the engine itself: as long as it answers, a restart of the pod would only lose what is loaded.
      return text(response, 200, 'ok');
    case '/readyz': {
      const { phase, reason, message } = management.status();
      return phase === 'Ready' ? text(response, 200, 'ok') : text(response, 503, [phase, reason, message].filter(Boolean).join(': '));
    }
    case '/metrics': {
      const { registry } = management.metrics;
      return text(response, 200, await registry.metrics(), { 'content-type': registry.contentType });
    }
    default:
      return text(response, 404, 'try /status, /livez, /readyz, /metrics or POST /drain');
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  text(response, status, JSON.stringify(body), { 'content-type': 'application/json' });
}

function text(response: ServerResponse, status: number, body: string, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}
