import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { startMockWorker, streamedAnswer, wholeAnswer } from '../fakes/mock-worker.ts';
import { answersIn, RawCaller } from './raw-caller.ts';
import { startWorld, type World } from './world.ts';

// What a gateway answers to requests that are not as they should be. One world for all: each attack meets what the others left.

let world: World;
beforeAll(async () => {
  world = await startWorld({ maxBodyBytes: 16 * 1_048_576 });
});
afterAll(async () => {
  await world.calm();
  await world[Symbol.asyncDispose]();
});

const body = '{"model":"m"}';
const post = 'POST /v1/chat/completions HTTP/1.1';
const length = `Content-Length: ${body.length}`;

const head = (first: string, ...lines: readonly string[]) =>
  [first, 'Host: g', `Authorization: Bearer ${world.gateway.key}`, ...lines, '', ''].join('\r\n');

/** Says it on a connection of its own, and reads until the gateway closes it. */
const say = (bytes: string | Buffer) =>
  new RawCaller(world.gateway.url).say(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes).untilClosed();

/** Requests that the worker has seen of the attacker. */
const seen = () => world.gateway.workers[0]?.seen.filter((request) => !request.body.includes('steady')) ?? [];

/** What two programs that read the same bytes might take for two different requests (RFC 9112 sections 5, 6 and 11.2). */
const ambiguous: readonly [string, () => string][] = [
  ['both content-length and transfer-encoding', () => `${head(post, 'Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\nGET /x`],
  ['the same the other way round', () => `${head(post, 'Transfer-Encoding: chunked', 'Content-Length: 4')}0\r\n\r\nGET /x`],
  ['two content-lengths', () => head(post, 'Content-Length: 13', 'Content-Length: 14') + body],
  ['a list of content-lengths', () => head(post, 'Content-Length: 13, 13') + body],
  ['a content-length with a sign', () => head(post, 'Content-Length: +13') + body],
  ['a negative content-length', () => head(post, 'Content-Length: -1') + body],
  ['a hexadecimal content-length', () => head(post, 'Content-Length: 0xd') + body],
  ['a content-length beyond all numbers', () => head(post, `Content-Length: ${'9'.repeat(40)}`) + body],
  ['a transfer-encoding that does not end with chunked', () => `${head(post, 'Transfer-Encoding: chunked, identity')}0\r\n\r\n`],
  ['a transfer-encoding that looks like chunked', () => `${head(post, 'Transfer-Encoding: xchunked')}0\r\n\r\n`],
  ['two transfer-encodings', () => `${head(post, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n`],
  ['a space before a colon', () => head(post, 'Content-Length : 13') + body],
  ['a space before a header', () => head(post, ' Transfer-Encoding: chunked', length) + body],
  ['a header that goes on in the next line', () => head(post, 'X: a\r\n Transfer-Encoding: chunked', length) + body],
  ['a bare line feed in a header', () => head(post, 'X: a\nTransfer-Encoding: chunked', length) + body],
  ['a bare carriage return in a header', () => head(post, 'X: a\rTransfer-Encoding: chunked', length) + body],
  ['line feeds alone', () => head(post, length).replaceAll('\r\n', '\n') + body],
  ['a zero byte in a header', () => head(post, 'X: a\0b', length) + body],
  ['a chunk size that is no number', () => `${head(post, 'Transfer-Encoding: chunked')}zz\r\n`],
  ['a chunk size beyond all numbers', () => `${head(post, 'Transfer-Encoding: chunked')}${'f'.repeat(17)}\r\n${body}\r\n0\r\n\r\n`],
  ['a chunk size with a sign', () => `${head(post, 'Transfer-Encoding: chunked')}+d\r\n${body}\r\n0\r\n\r\n`],
  ['a chunk that ends with a line feed', () => `${head(post, 'Transfer-Encoding: chunked')}d\n${body}\r\n0\r\n\r\n`],
  ['a chunk that is longer than its size', () => `${head(post, 'Transfer-Encoding: chunked')}c\r\n${body}\r\n0\r\n\r\n`],
  ['an endless chunk extension', () => `${head(post, 'Transfer-Encoding: chunked')}d;${'x'.repeat(20_000)}\r\n${body}\r\n0\r\n\r\n`],
  ['a second line in the request line', () => head('POST /v1/chat/completions\tHTTP/1.1', length) + body],
  ['a version that does not exist', () => head('POST /v1/chat/completions HTTP/1.9', length) + body],
  ['the beginning of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a TLS handshake', () => '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03 not for this port \r\n\r\n'],
];

test.each(ambiguous)('refuses %s, closes, and asks no worker', async (_, bytes) => {
  const before = seen().length;
  const [answer, ...more] = answersIn(await say(bytes()));
  expect([answer?.status, more]).toEqual([400, []]);
  expect(JSON.parse(answer?.body ?? '')).toMatchObject({ error: { type: 'invalid_request_error' } });
  expect(answer?.head).toMatch(/^connection: close$/im);
  expect(seen().length).toBe(before);
});

test('refuses what lacks a host', async () => {
  expect(answersIn(await say('GET /healthz HTTP/1.1\r\n\r\n'))[0]?.status).toBe(400);
});

test.each([
  ['a header that is too large', () => [`X: ${'x'.repeat(20_000)}`]],
  ['a name that is too large', () => [`${'x'.repeat(20_000)}: 1`]],
  ['too many headers', () => Array.from({ length: 3_000 }, (_, index) => `a${index}:`)],
  ['a key that is too large', () => [`Authorization: Bearer ${'x'.repeat(20_000)}`]],
])('refuses %s', async (_, lines) => {
  const [answer] = answersIn(await say(head(post, ...lines(), length) + body));
  expect([answer?.status, JSON.parse(answer?.body ?? '').error.code]).toEqual([431, 'headers_too_large']);
});

test('refuses a request line that is too large', async () => {
  expect(answersIn(await say(head(`GET /${'x'.repeat(20_000)} HTTP/1.1`)))[0]?.status).toBe(431);
});

test('a body of 100 MB is refused before it comes, and one that does not tell its size as soon as it is too large', async () => {
  const told = new RawCaller(world.gateway.url).say(head(post, 'Content-Length: 104857600', 'Connection: close'));
  expect(answersIn(await told.untilClosed())[0]).toMatchObject({
    status: 413,
    body: expect.stringContaining('"code":"request_too_large"'),
  });

  const untold = new RawCaller(world.gateway.url).say(head(post, 'Transfer-Encoding: chunked', 'Connection: close'));
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1_048_576, 'x'), Buffer.from('\r\n')]);
  for (let sent = 0; sent < 100 && !untold.socket.destroyed; sent += 1) {
    if (!untold.socket.write(chunk)) await Promise.race([new Promise((resolve) => untold.socket.once('drain', resolve)), untold.closed]);
  }
  untold.say('0\r\n\r\n');
  expect(answersIn(await untold.untilClosed())[0]?.status).toBe(413);
  expect(seen().some((request) => request.body.length > 1_000_000)).toBe(false);
});

test('who sends all of a body that is refused before he reads gets to know why, also when the connection closes', async () => {
  const size = 20 * 1_048_576;
  const caller = new RawCaller(world.gateway.url);
  caller.socket.pause();
  caller.say(head(post, `Content-Length: ${size}`, 'Connection: close'));
  await new Promise((resolve) => caller.socket.write(Buffer.alloc(size, 'x'), resolve));
  caller.socket.resume();
  expect(answersIn(await caller.untilClosed()).map(({ status }) => status)).toEqual([413]);
});

test.each([
  ['deep', `{"model":"m","x":${'['.repeat(8_000_000)}${']'.repeat(8_000_000)}}`, 400],
  ['deep and without end', '['.repeat(16_000_000), 400],
  ['wide', `{"model":"m","x":[${'{},'.repeat(5_000_000)}{}]}`, 400],
  ['of many fields', `{"model":"m"${',"a":1'.repeat(2_600_000)}}`, 400],
  ['long', `{"model":"m","messages":[{"role":"user","content":"${'x'.repeat(16_000_000)}"}]}`, 200],
])('a large request whose JSON is %s stops nobody', async (_, text, status) => {
  expect((await world.gateway.post(text)).status).toBe(status);
  await world.steady.twoMore();
});

test.each([
  ['is not UTF-8', Buffer.concat([Buffer.from('{"model":"m","x":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')])],
  ['ends within a character', Buffer.from('{"model":"m","x":"é').subarray(0, -1)],
  ['is UTF-16', Buffer.from('{"model":"m"}', 'utf16le')],
  ['has an overlong quote', Buffer.from([0x7b, 0xc0, 0xa2, 0x7d])],
  ['is two documents', Buffer.from('{"model":"m"}{"model":"m"}')],
  ['is empty', Buffer.alloc(0)],
])('a body that %s is a 400', async (_, bytes) => {
  const request = Buffer.concat([Buffer.from(head(post, `Content-Length: ${bytes.length}`, 'Connection: close')), bytes]);
  const [answer] = answersIn(await say(request));
  expect([answer?.status, JSON.parse(answer?.body ?? '').error.code]).toEqual([400, 'malformed_json']);
});

test('of a field that is there twice the last counts, and a cap holds for each of them', async () => {
  world.gateway.setModel({ serving: { maxOutputTokens: 100 } });
  const before = seen().length;
  const [answer] = answersIn(
    await say(
      ((text) => head(post, `Content-Length: ${text.length}`, 'Connection: close') + text)(
        '{"model":"nobody","max_tokens":9000,"model":"m","max_tokens":8000}',
      ),
    ),
  );
  world.gateway.setModel({});
  expect(answer?.status).toBe(200);
  expect(seen()[before]?.body).toBe('{"model":"nobody","max_tokens":100,"model":"m","max_tokens":100}');
});

test('two keys in one request are none', async () => {
  const [answer] = answersIn(await say(head(post, 'Authorization: Bearer other', length, 'Connection: close') + body));
  expect(answer?.status).toBe(401);
});

test('bytes beyond ASCII in headers go on as they are, or not at all', async () => {
  const before = seen().length;
  const lines = ['User-Agent: caf\xe9 \xff', 'Accept: \xf0\x28', 'X-Request-Id: \xe9', 'Traceparent: \xff', length, 'Connection: close'];
  const [answer] = answersIn(await say(head(post, ...lines) + body));
  expect(answer?.status).toBe(200);
  expect(seen()[before]?.headers).toMatchObject({ 'user-agent': 'caf\xe9 \xff', accept: '\xf0\x28' });
  expect(seen()[before]?.headers['x-request-id']).toMatch(/^[\w-]{36}$/);
});

test('twenty requests in one packet are answered in order', async () => {
  const streaming = '{"model":"m","stream":true}';
  const one = head(post, length) + body;
  const stream = head(post, `Content-Length: ${streaming.length}`) + streaming;
  const missing = head('GET /v1/models/none HTTP/1.1');
  const answers = answersIn(await say((one + stream + missing).repeat(6) + one + head('GET /healthz HTTP/1.1', 'Connection: close')));
  expect(answers.map(({ status }) => status)).toEqual([...Array.from({ length: 6 }, () => [200, 200, 404]).flat(), 200, 200]);
  expect(answers[0]?.body).toBe(wholeAnswer('m'));
  expect(answers[18]?.body).toBe(wholeAnswer('m'));
  expect(answers[1]?.body).toContain(streamedAnswer('m', 1).split('\n')[0]);
});

test.each([
  ['as a proxy would be asked', () => head('POST http://g/v1/chat/completions HTTP/1.1', length, 'Connection: close') + body],
  [
    'as a proxy would be asked, with a query',
    () => head('POST https://g:8443/v1/chat/completions?x=1 HTTP/1.1', length, 'Connection: close') + body,
  ],
  [
    'with an upgrade that nobody offers',
    () => head(post, 'Connection: Upgrade, close', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', length) + body,
  ],
  ['with an expectation that nobody knows', () => head(post, 'Expect: 200-ok', length, 'Connection: close') + body],
  ['with an expectation, its body at once', () => head(post, 'Expect: 100-continue', length, 'Connection: close') + body],
  [
    'with trailers',
    () => `${head(post, 'Transfer-Encoding: chunked', 'Connection: close')}d\r\n${body}\r\n0\r\nauthorization: Bearer x\r\n\r\n`,
  ],
  [
    'in chunks of a byte',
    () =>
      `${head(post, 'Transfer-Encoding: chunked', 'Connection: close')}${[...body].map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`,
  ],
  ['behind empty lines', () => `\r\n\r\n${head(post, length, 'Connection: close')}${body}`],
  ['of HTTP/1.0', () => head('POST /v1/chat/completions HTTP/1.0', length) + body],
])('a request %s is served', async (_, bytes) => {
  const [answer] = answersIn(await say(bytes()));
  expect([answer?.status, answer?.body]).toEqual([200, wholeAnswer('m')]);
});

test('a WebSocket is an ordinary request, and a tunnel is closed', async () => {
  const asked = head('GET /v1/models HTTP/1.1', 'Connection: Upgrade, close', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13');
  expect(answersIn(await say(asked))[0]?.status).toBe(200);
  expect(await say('CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n')).toBe('');
});

test('who asks before he sends hears of a refusal at once, and else is told to go on when somebody reads', async () => {
  const refused = new RawCaller(world.gateway.url).say(head(post, 'Expect: 100-continue', 'Content-Length: 104857600'));
  await eventually(() => refused.received.includes('\r\n\r\n{'));
  expect(refused.received).toMatch(/^HTTP\/1\.1 413 /);
  refused.leave();

  const welcome = new RawCaller(world.gateway.url).say(head(post, 'Expect: 100-continue', length, 'Connection: close'));
  await eventually(() => welcome.received !== '');
  expect(welcome.received).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  expect(answersIn(await welcome.say(body).untilClosed())[0]?.status).toBe(200);
});

test('who closes his side has left', async () => {
  const worker = await startMockWorker({ fault: 'hang' });
  onTestFinished(() => worker.close());
  world.serveAlso('silent', [worker.origin]);
  const text = '{"model":"silent"}';
  const caller = new RawCaller(world.gateway.url).say(head(post, `Content-Length: ${text.length}`) + text);
  await eventually(() => worker.seen[0]?.body === text);
  caller.socket.end();
  expect(await caller.untilClosed()).toBe('');
  await eventually(() => worker.seen[0]?.aborted === true);
});
