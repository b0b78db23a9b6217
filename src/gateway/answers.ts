import type { ServerResponse } from 'node:http';
import type { HttpError } from '../core/errors.ts';
import type { Exchange } from './exchange.ts';
import { errorEvent } from './sse.ts';

/** Name of the header that carries a request's id, in and out. */
export const requestIdHeader = 'x-request-id';

/** A body up to this size goes out as one text with its head: one write costs the kernel and Node less than two. */
const oneWriteBytes = 16_384;

/** Sends a whole answer; the headers tell its length. */
export function sendWhole(response: ServerResponse, status: number, headers: string[], body: Buffer): void {
  response.writeHead(status, headers);
  // Latin-1 has a character for each byte, so the bytes stay as they are.
  if (body.length <= oneWriteBytes) response.end(body.toString('latin1'), 'latin1');
  else response.end(body);
}

/** Answers with a JSON document. */
export function sendJson(exchange: Exchange, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const bytes = Buffer.from(JSON.stringify(body));
  exchange.outcome = status;
  const list = [requestIdHeader, exchange.id, ...exchange.answerHeaders];
  list.push('content-type', 'application/json', 'content-length', String(bytes.length));
  for (const name of Object.keys(headers)) list.push(name, headers[name] ?? '');
  sendWhole(exchange.response, status, list, bytes);
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
