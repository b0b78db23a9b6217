import type { IncomingHttpHeaders } from 'node:http';
import { requestIdHeader } from './answers.ts';
import type { Exchange } from './exchange.ts';

/**
 * What of a caller's headers goes on to a worker. A list of what may pass, not of what may not: nothing that names a hop, a
 * credential or a compression can slip through, and a worker needs no more.
 */
const passedOn = ['content-type', 'accept', 'user-agent'] as const;

/** What of a worker's headers stays behind: hop-by-hop headers (RFC 9110 section 7.6.1), and those that the gateway sets itself. */
const keptBack = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'date',
  'server',
  'set-cookie',
  // Which pages may call is the gateway's to say, whatever an engine takes for granted.
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
  requestIdHeader,
]);

const requestIdPattern = /^[A-Za-z0-9._:-]{1,128}$/;

/** The caller's request id when it is one that can safely be logged and sent on. */
export function givenRequestId(headers: IncomingHttpHeaders): string | undefined {
  const id = headers[requestIdHeader];
  return typeof id === 'string' && requestIdPattern.test(id) ? id : undefined;
}

/** Headers for the worker: names and values in turn. */
export function upstreamHeaders(exchange: Exchange): string[] {
  const { headers } = exchange.request;
  const list = [requestIdHeader, exchange.id];
  for (const name of passedOn) {
    const value = headers[name];
    if (typeof value === 'string') list.push(name, value);
  }
  if (exchange.trace !== undefined) {
    list.push('traceparent', exchange.trace);
    if (typeof headers.tracestate === 'string') list.push('tracestate', headers.tracestate);
  }
  return list;
}

/** Headers for the caller, as `writeHead` takes them: names and values in turn, as are those of the worker, whose names are in lower case. */
export function downstreamHeaders(exchange: Exchange, headers: readonly string[]): string[] {
  const list = [requestIdHeader, exchange.id, ...exchange.answerHeaders];
  const named = namedByConnection(headers);
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (keptBack.has(name) || named?.includes(name)) continue;
    list.push(name, headers[index + 1] ?? '');
  }
  return list;
}

/** Headers that concern the connection to the worker alone, as it says itself; undefined when it names none. */
function namedByConnection(headers: readonly string[]): readonly string[] | undefined {
  let named: string[] | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    const value = headers[index + 1];
    // `keep-alive` is what nearly all say, and a header of this name stays behind anyway.
    if (headers[index] === 'connection' && value && value !== 'keep-alive')
      named = [...(named ?? []), ...value.toLowerCase().split(/[\s,]+/)];
  }
  return named;
}
