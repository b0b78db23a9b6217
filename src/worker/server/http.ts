import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, HttpError } from '../../core/errors.ts';
import { describeError } from '../../core/failure.ts';
import type { Logger } from '../../core/logger.ts';

/** Reads a JSON body of at most `limitBytes`. Throws HttpErrors 400 and 413. */
export async function readJson(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) throw errors.bodyTooLarge(limitBytes).withHeaders({ connection: 'close' });
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw errors.malformedJson(describeError(error)).withCause(error);
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

/** The answer for anything that was thrown; what is not an HttpError is ours to explain, in the log, not to the caller. */
export function toHttpError(error: unknown, logger: Logger): HttpError {
  if (error instanceof HttpError) return error;
  logger.error({ err: error }, 'request failed unexpectedly');
  return errors.internal().withCause(error);
}

/** A signal that aborts when the caller has gone before the answer was complete. */
export function callerGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new DOMException('The caller disconnected.', 'AbortError'));
  });
  return gone.signal;
}
