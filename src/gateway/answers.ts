import type { HttpError } from '../core/errors.ts';
import type { Exchange } from './exchange.ts';
import { errorEvent } from './sse.ts';

/** Name of the header that carries a request's id, in and out. */
export const requestIdHeader = 'x-request-id';

/** Answers with a JSON document. */
export function sendJson(exchange: Exchange, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const bytes = Buffer.from(JSON.stringify(body));
  exchange.outcome = status;
  const list = [requestIdHeader, exchange.id, ...exchange.answerHeaders];
  list.push('content-type', 'application/json', 'content-length', String(bytes.length));
  for (const name of Object.keys(headers)) list.push(name, headers[name] ?? '');
  exchange.response.writeHead(status, list).end(bytes);
}

/** Answers with an error in OpenAI's shape: one of server-sent events ends with it, any other that has begun can only be cut off. */
export function sendError(exchange: Exchange, error: HttpError): void {
  const { response, inEvents } = exchange;
  exchange.errorCode = error.code ?? error.type;
  if (response.headersSent) {
    exchange.outcome = error.status;
    if (inEvents) response.end(errorEvent(error));
    else response.destroy();
    return;
  }
  sendJson(exchange, error.status, error, error.headers);
}
