import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiContext, Reply } from './context.ts';
import { StatusError, statuses } from './status.ts';
import { StorageError } from './storage/store.ts';

/** Runs a handler and sends what it replies or throws; a thrown error becomes a Status. A handler that streams replies nothing. */
export async function answer(
  context: ApiContext,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
  handle: () => Promise<Reply | undefined>,
): Promise<void> {
  try {
    const reply = await handle();
    if (reply) send(request, response, reply);
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      if (!signal.aborted) context.logger.error({ err: error }, 'a request failed after its answer had begun');
      response.destroy();
      return;
    }
    const failure = asStatus(context, error);
    if (failure.details.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(failure.details.retryAfterSeconds));
    if (failure.code === 401) response.setHeader('www-authenticate', 'Bearer');
    response.removeHeader('content-type');
    send(request, response, { code: failure.code, body: JSON.stringify(failure.toStatus()) });
  }
}

function asStatus(context: ApiContext, error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof StorageError) {
    return error.diskFull
      ? statuses.insufficientStorage('no space is left on the disk of the state directory', error)
      : statuses.internal(`the write could not be stored: ${error.message}`, error);
  }
  context.logger.error({ err: error }, 'a request failed');
  return statuses.internal(error instanceof Error ? error.message : String(error), error);
}

function send(request: IncomingMessage, response: ServerResponse, { code, body, warnings }: Reply): void {
  if (!response.hasHeader('content-type')) response.setHeader('content-type', 'application/json');
  response.setHeader('cache-control', 'no-cache, private');
  const headers = (warnings ?? []).map(warningHeader);
  if (headers.length > 0) response.setHeader('warning', headers);
  response.statusCode = code;
  // A body that nobody read would be taken for the next request.
  if (!request.complete) response.setHeader('connection', 'close');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** RFC 7234: code 299, no agent, the text quoted. Header values are latin-1. */
function warningHeader(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '?').replace(/(["\\])/g, '\\$1');
  return `299 - "${printable.slice(0, 4096)}"`;
}
