import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { startMockWorker } from '../fakes/mock-worker.ts';
import { type Script, startHostileWorker } from './hostile-worker.ts';
import { answersIn, RawCaller } from './raw-caller.ts';
import { startWorld, type World } from './world.ts';

// Callers who take their time: with headers, with a body, with reading, with saying anything at all.

const body = '{"model":"m"}';

const head = (world: World, ...lines: readonly string[]) =>
  ['POST /v1/chat/completions HTTP/1.1', 'Host: g', `Authorization: Bearer ${world.gateway.key}`, ...lines, '', ''].join('\r\n');

test('headers and bodies that come a byte at a time are given up in time, however many there are', async () => {
  await using world = await startWorld({ headersTimeoutMs: 500, receiveTimeoutMs: 1_000 });
  const headers = Buffer.from(head(world, ...Array.from({ length: 100 }, (_, index) => `X-${index}: 1`)));
  const bodies = Buffer.from(`{"model":"m","x":"${'x'.repeat(10_000)}"}`);
  const slow = Array.from({ length: 100 }, async (_, index) => {
    const caller = new RawCaller(world.gateway.url);
    if (index % 2 === 1) caller.say(head(world, `Content-Length: ${bodies.length}`));
    await caller.drip(index % 2 === 0 ? headers : bodies, 1, 50);
    return answersIn(await caller.untilClosed()).map(({ status }) => status);
  });
  expect(await Promise.all(slow)).toEqual(slow.map(() => [408]));
  await world.calm();
});

test('a slow body that comes in time is served', async () => {
  await using world = await startWorld({ receiveTimeoutMs: 20_000 });
  const caller = new RawCaller(world.gateway.url).say(head(world, `Content-Length: ${body.length}`, 'Connection: close'));
  await caller.drip(Buffer.from(body), 1, 20);
  expect(answersIn(await caller.untilClosed())[0]?.status).toBe(200);
  await world.calm();
});

test('connections that never say anything are closed after the time for headers', async () => {
  await using world = await startWorld({ headersTimeoutMs: 300 });
  const silent = Array.from({ length: 50 }, () => new RawCaller(world.gateway.url));
  for (const caller of silent) expect(answersIn(await caller.untilClosed()).map(({ status }) => status)).toEqual([408]);
  await world.calm();
});

/** Too much for the buffers of a connection, and little enough to be kept until it is whole. */
const large = 7 * 1_048_576;
const whole: Script = {
  pieces: [`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${large}\r\n\r\n`, Buffer.alloc(large, ' ')],
  atEnd: 'stay',
};
const stream: Script = {
  pieces: ['HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n', ...Array(112).fill(`data: ${'x'.repeat(65_536)}\n\n`)],
  atEnd: 'end',
};

test.each([
  ['a stream', stream, '{"model":"large","stream":true}'],
  ['an answer in one piece', whole, '{"model":"large"}'],
])('who does not read %s is cut off, and its replica and its place are free again', async (_, script, text) => {
  await using world = await startWorld({ unreadTimeoutMs: 400 });
  const worker = await startHostileWorker();
  onTestFinished(() => worker.close());
  worker.play(script);
  world.serveAlso('large', [worker.origin]);
  const callers = Array.from({ length: 5 }, () =>
    new RawCaller(world.gateway.url).say(head(world, `Content-Length: ${text.length}`) + text),
  );
  for (const { socket } of callers) socket.pause();
  await eventually(() => expect(worker.requests).toBe(5));
  await world.calm();
  for (const caller of callers) {
    caller.socket.resume();
    expect((await caller.untilClosed()).length).toBeLessThan(large);
  }
});

test('who sends one request after the other and reads no answer is cut off', async () => {
  await using world = await startWorld({ unreadTimeoutMs: 400 });
  const caller = new RawCaller(world.gateway.url);
  caller.socket.pause();
  // Headers that come to a stop because nobody reads them are cut off too, but later.
  // The answers are as long as the names, so that the buffers between both are soon full.
  const request = [`GET /v1/models/${'x'.repeat(8_000)} HTTP/1.1`, 'Host: g', `Authorization: Bearer ${world.gateway.key}`, '', ''].join(
    '\r\n',
  );
  await eventually(() => {
    if (caller.socket.writableLength < 1_000_000) caller.say(request.repeat(20));
    return caller.socket.destroyed;
  });
  await world.calm();
});

test('who reads slowly, or waits long for a replica, is not', async () => {
  await using world = await startWorld({ unreadTimeoutMs: 400 });
  const worker = await startMockWorker({ chunks: 40, chunkBytes: 65_536, delayMs: 1_500 });
  onTestFinished(() => worker.close());
  world.serveAlso('large', [worker.origin]);
  const text = '{"model":"large","stream":true}';
  const caller = new RawCaller(world.gateway.url).say(head(world, `Content-Length: ${text.length}`, 'Connection: close') + text);
  // A pause after each packet, so that bytes lie ready most of the time.
  caller.socket.on('data', () => {
    caller.socket.pause();
    setTimeout(() => caller.socket.resume(), 20);
  });
  const received = await caller.untilClosed(30_000);
  expect(received).toContain('data: [DONE]');
  expect(received.match(/token-\d+ /g)).toHaveLength(40);
  await world.calm();
});

/** Connections of a port of this machine that are open, as the kernel tells them (Linux, proc_net_tcp.txt): `02` is the timer of keep-alive. */
async function timersOf(port: string): Promise<(string | undefined)[]> {
  const local = `:${Number(port).toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((row) => row.trim().split(/\s+/));
  return rows.filter(([, address, , state]) => address?.endsWith(local) && state === '01').map(([, , , , , timer]) => timer?.slice(0, 2));
}

test.skipIf(platform() !== 'linux')(
  'a caller who has vanished without a word is asked whether he is there (needs Linux to look)',
  async () => {
    await using world = await startWorld();
    const worker = await startMockWorker({ fault: 'hang' });
    onTestFinished(() => worker.close());
    world.serveAlso('silent', [worker.origin]);
    const text = '{"model":"silent"}';
    const caller = new RawCaller(world.gateway.url).say(head(world, `Content-Length: ${text.length}`) + text);
    await eventually(() => worker.seen.length === 1);
    const { port } = new URL(world.gateway.url);
    await eventually(async () => expect(new Set(await timersOf(port))).toEqual(new Set(['02'])));
    caller.leave();
    await world.calm();
  },
);
