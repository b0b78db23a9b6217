import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Exchange } from './exchange.ts';
import { downstreamHeaders, upstreamHeaders } from './headers.ts';

function exchangeOf(headers: Readonly<Record<string, string>> = {}): Exchange {
  const request = new IncomingMessage(new Socket());
  Object.assign(request.headers, headers);
  return new Exchange('id', '/', request, new ServerResponse(request), 0);
}

test('a worker hears what it needs of the caller, and no credential', () => {
  const asked = { authorization: 'Bearer secret', cookie: 'a=b', accept: '*/*', connection: 'x-hop', 'x-hop': '1', tracestate: 'a=1' };
  const exchange = exchangeOf({ ...asked, 'content-type': 'application/json' });
  expect(upstreamHeaders(exchange)).toEqual(['x-request-id', 'id', 'content-type', 'application/json', 'accept', '*/*']);
  exchange.trace = '00-1-2-01';
  expect(upstreamHeaders(exchange).slice(-4)).toEqual(['traceparent', '00-1-2-01', 'tracestate', 'a=1']);
});

test('a caller gets what the gateway says, then what the worker does of its answer', () => {
  const exchange = exchangeOf();
  exchange.answerHeaders.push('x-ratelimit-limit-requests', '5');
  const kept = ['date', 'today', 'server', 'uvicorn', 'x-request-id', 'other', 'set-cookie', 'a=b', 'content-length', '2'];
  const own = ['x-request-id', 'id', 'x-ratelimit-limit-requests', '5'];
  expect(downstreamHeaders(exchange, [...kept, 'vary', 'a', 'vary', 'b'])).toEqual([...own, 'vary', 'a', 'vary', 'b']);
  expect(exchange.answerHeaders).toEqual(own.slice(2));
});

test.each([
  ['keep-alive', true],
  ['Keep-Alive', true],
  ['close', true],
  ['keep-alive, X-Hop', false],
  ['x-hop', false],
])('with `connection: %s` whether a header of that hop passes is %s', (connection, passes) => {
  const names = downstreamHeaders(exchangeOf(), ['connection', connection, 'keep-alive', 'timeout=5', 'x-hop', '1']);
  expect(names).toEqual(['x-request-id', 'id', ...(passes ? ['x-hop', '1'] : [])]);
});
