import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../test/fakes/gateway.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';

/** Opens a connection that says exactly `text`, and reads until it is closed. */
async function say(gateway: TestGateway, text: string): Promise<string> {
  const { socket, read } = open(gateway);
  socket.write(text);
  return read;
}

function open(gateway: TestGateway): { socket: Socket; read: Promise<string> } {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (text) => {
    received += text;
  });
  // A reset after the answer is an end as well.
  socket.on('error', () => undefined);
  return { socket, read: once(socket, 'close').then(() => received) };
}

const head = (gateway: TestGateway, ...lines: string[]) =>
  ['POST /v1/chat/completions HTTP/1.1', 'Host: g', `Authorization: Bearer ${gateway.key}`, ...lines, '', ''].join('\r\n');

const body = '{"model":"m"}';

test.each([
  ['both content-length and transfer-encoding', ['Content-Length: 4', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
  ['two content-lengths', ['Content-Length: 13', 'Content-Length: 14'], body],
  ['an unknown transfer-encoding', ['Transfer-Encoding: chunked, identity'], '0\r\n\r\n'],
  ['a broken chunk', ['Transfer-Encoding: chunked'], 'zz\r\n'],
  ['a header with a bare line feed', ['X: a\nTransfer-Encoding: chunked'], ''],
  ['space before a colon', ['Content-Length : 13'], body],
])('refuses %s, in OpenAI’s shape, and closes', async (_, lines, rest) => {
  await using gateway = await startTestGateway();
  const answer = await say(gateway, head(gateway, ...lines) + rest);
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ error: { type: 'invalid_request_error' } });
  expect(gateway.workers[0]?.seen).toEqual([]);
});

test('refuses headers that are too large', async () => {
  await using gateway = await startTestGateway();
  const answer = await say(gateway, head(gateway, `X: ${'x'.repeat(20_000)}`));
  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  expect(answer).toContain('"code":"headers_too_large"');
});

test('refuses a body by its announced size, before it comes', async () => {
  await using gateway = await startTestGateway({ maxBodyBytes: 1_000 });
  const { socket, read } = open(gateway);
  socket.write(head(gateway, 'Connection: close', 'Content-Length: 1001'));
  await once(socket, 'data');
  socket.end();
  expect(await read).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"request_too_large"/);
});

test('refuses a body that grows too large, and its caller can read why', async () => {
  await using gateway = await startTestGateway({ maxBodyBytes: 100_000 });
  async function* endless() {
    for (let part = 0; part < 100; part += 1) yield Buffer.alloc(65_536, 'x');
  }
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}` },
    body: ReadableStream.from(endless()),
    duplex: 'half',
  } as RequestInit);
  expect(answer.status).toBe(413);
});

test('a body that does not arrive in time is a 408', async () => {
  await using gateway = await startTestGateway({ receiveTimeoutMs: 300, headersTimeoutMs: 200 });
  const slowBody = await say(gateway, `${head(gateway, 'Content-Length: 100')}{"model":`);
  expect(slowBody).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
  const slowHeaders = await say(gateway, 'POST /v1/chat/completions HTTP/1.1\r\nHost:');
  expect(slowHeaders).toMatch(/^HTTP\/1\.1 408 /);
  await eventually(async () => expect(await gateway.metrics()).toContain('requests_total{model="unknown",code="408"} 1'));
});

test('an unauthenticated caller’s body is not kept', async () => {
  await using gateway = await startTestGateway();
  const { socket, read } = open(gateway);
  socket.write('POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n');
  expect(await read).toMatch(/^HTTP\/1\.1 401 /);
});

test('several requests go over one connection, in order', async () => {
  await using gateway = await startTestGateway();
  const one = head(gateway, `Content-Length: ${body.length}`) + body;
  const last = head(gateway, 'Connection: close', `Content-Length: ${body.length}`) + body;
  const answers = await say(gateway, one + one + last);
  expect(answers.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
});

test('a key that is taken away opens nothing more, also on a connection that has used it', async () => {
  await using gateway = await startTestGateway();
  const { socket, read } = open(gateway);
  socket.write(head(gateway, `Content-Length: ${body.length}`) + body);
  await once(socket, 'data');
  gateway.keys.delete('acme');
  socket.write(head(gateway, 'Connection: close', `Content-Length: ${body.length}`) + body);
  expect(await read).toMatch(/^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 401 /);
});

test.each([
  ['after a request', ''],
  ['after a second request that waits for its turn', 'second'],
])('garbage %s does not get an answer into the middle of a stream', async (_, second) => {
  await using gateway = await startTestGateway({ workers: [{ chunks: 20, paceMs: 5 }] });
  const streaming = '{"model":"m","stream":true}';
  const request = head(gateway, `Content-Length: ${streaming.length}`) + streaming;
  const { socket, read } = open(gateway);
  socket.write(request + (second && request));
  await once(socket, 'data');
  socket.write('\0\0\0 not http\r\n\r\n');
  expect((await read).match(/HTTP\/1\.1/g)).toHaveLength(1);
});
