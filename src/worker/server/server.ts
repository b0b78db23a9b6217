import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { errors } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { chatShape, completionShape } from './answer-shape.ts';
import { callerGone, sendJson, toHttpError } from './http.ts';
import { readChat, readCompletion, readGenerate } from './request-shape.ts';
import type { Serving } from './serving.ts';
import { type Endpoint, generateEndpoint, textEndpoint } from './text-endpoint.ts';

type Routes = Readonly<Record<string, Readonly<Record<string, Endpoint>>>>;

/** The serving port: OpenAI's completions, `/generate`, `/health`. Not listening yet. */
export function createServingServer(serving: Serving, startedAt: number, logger: Logger): Server {
  const entry = { id: serving.model, object: 'model', created: Math.floor(startedAt / 1000), owned_by: 'modelfleet' };
  const routes: Routes = {
    '/v1/chat/completions': { POST: textEndpoint(serving, logger, readChat, chatShape) },
    '/v1/completions': { POST: textEndpoint(serving, logger, readCompletion, completionShape) },
    '/v1/models': { GET: async (_, response) => sendJson(response, 200, { object: 'list', data: [entry] }) },
    '/generate': { POST: generateEndpoint(serving, readGenerate) },
    '/health': {
      GET: async (_, response) => {
        serving.accept();
        sendJson(response, 200, { status: 'ok' });
      },
    },
  };

  const server = createServer((request, response) => void answer(routes, serving, request, response, logger));
  // Longer than a proxy keeps an idle connection, so that it is the proxy that closes it and no request meets a closing one.
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 60_000;
  return server;
}

async function answer(routes: Routes, serving: Serving, request: IncomingMessage, response: ServerResponse, logger: Logger): Promise<void> {
  const method = request.method ?? 'GET';
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  const gone = callerGone(response);
  try {
    if (!route) throw errors.routeNotFound(method, path);
    const endpoint = route[method];
    if (!endpoint) throw errors.methodNotAllowed(method, path).withHeaders({ allow: Object.keys(route).join(', ') });
    await endpoint(request, response, gone);
  } catch (error) {
    if (hasGone(response)) logger.debug({ path }, 'the caller went away');
    else if (response.headersSent) response.destroy();
    else {
      const { status, headers, ...rest } = describe(error, logger);
      // Unread bytes of a refused request would be taken for the next one.
      sendJson(response, status, rest.body, request.complete ? headers : { ...headers, connection: 'close' });
    }
  }
  serving.metrics.answered(route ? path : 'unknown', hasGone(response) ? 499 : response.statusCode);
}

/** A finished response counts as destroyed too. */
function hasGone(response: ServerResponse): boolean {
  return response.destroyed && !response.writableFinished;
}

function describe(error: unknown, logger: Logger): { status: number; headers: Readonly<Record<string, string>>; body: unknown } {
  const answer = toHttpError(error, logger);
  if (answer.cause) logger.warn({ err: answer.cause }, answer.message);
  return { status: answer.status, headers: answer.headers, body: answer };
}
