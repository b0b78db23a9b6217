import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type GatewayStats, gatewayStats } from '../api/gateway-stats.ts';
import { FakeClock } from '../core/fake-clock.ts';
import { silentLogger } from '../core/logger.ts';
import { NdjsonDecoder } from '../kube/index.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';
import { ModelLine } from './line.ts';
import type { Model } from './models.ts';
import type { Place } from './place.ts';
import { StatsStream } from './stats-stream.ts';
import { patient } from './testing/terms.fake.ts';

const limits = {
  maxConcurrencyPerReplica: 1,
  maxQueue: 1_000,
  queueTimeoutMs: 1_000,
  holdTimeoutMs: 1_000,
  firstTokenTimeoutMs: 1_000,
  idleStreamTimeoutMs: 1_000,
  requestTimeoutMs: 1_000,
};
const token = 'good-token-0123456789';

let clock: FakeClock;
let valid: string[];
let models: Map<string, Model>;
let places: Place[];
let stream: StatsStream;
let server: Server;
let port: number;

beforeEach(async () => {
  clock = new FakeClock();
  valid = [token];
  models = new Map();
  places = [];
  const tokens = { accepts: async (given: string) => valid.includes(given) };
  stream = new StatsStream({ models: { all: () => models.values() }, tokens, gateway: 'gateway-1', clock, logger: silentLogger });
  server = createServer((asked, response) => stream.answer(asked, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  for (const place of places) place.leave('unavailable');
  stream.close();
  server.close();
  server.closeAllConnections();
});

/** So many more requests are held for a model. */
function hold(key: string, count: number): void {
  const model = models.get(key) ?? {
    spec: { key, names: [], createdAt: 0, limits, availability: 'serving' },
    line: new ModelLine(
      limits,
      () => 0,
      () => clock.now(),
    ),
  };
  models.set(key, model);
  for (let index = 0; index < count; index += 1) places.push(model.line.join(patient(60_000)));
}

/** Reads the stream into a list of lines. */
async function read(given = token) {
  const asking = request({ port, host: '127.0.0.1', path: '/stats', headers: { authorization: `Bearer ${given}` }, agent: false }).end();
  asking.on('error', () => {}); // the tests cut it
  const [answer] = await once(asking, 'response');
  const lines: GatewayStats[] = [];
  const ended = { value: false };
  answer
    .on('error', () => {})
    .on('close', () => {
      ended.value = true;
    });
  const decoder = new NdjsonDecoder();
  if (answer.statusCode === 200)
    answer.on('data', (chunk: Buffer) => lines.push(...decoder.push(chunk).map((line) => gatewayStats.parse(line))));
  return { status: answer.statusCode as number, lines, ended, leave: () => asking.destroy() };
}

const held = (count: number) => ({ held: count, queued: 0, running: 0 });
const came = (arrivals: number, count: number) => ({ ...held(count), arrivals });

/** Moves the clock by so many ticks, and lets each line arrive. */
async function tick(count = 1): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await eventually(() => clock.sleeping > 0);
    await clock.advance(250);
  }
}

test('begins with everything, tells what changed within a tick as one change, and an end once', async () => {
  hold('a/b', 2);
  hold('a/c', 1);
  const { lines } = await read();
  await eventually(() => lines.length === 1);
  expect(lines[0]).toEqual({
    contract: 1,
    gateway: 'gateway-1',
    at: '2026-01-01T00:00:00.000Z',
    full: true,
    models: { 'a/b': came(2, 2), 'a/c': came(1, 1) },
  });

  hold('a/b', 1);
  hold('a/b', 1);
  await tick();
  await eventually(() => lines.length === 2);
  expect(lines[1]).toMatchObject({ at: '2026-01-01T00:00:00.250Z', full: false, models: { 'a/b': came(4, 4) } });

  for (const place of places) place.leave('unavailable');
  await tick();
  await eventually(() => lines.length === 3);
  expect(lines[2]?.models).toEqual({ 'a/b': came(4, 0), 'a/c': came(1, 0) });
  await tick(4);
  await eventually(() => lines.length > 3);
  await tick(116); // half a minute after the last request
  const told = () => lines.slice(3).flatMap(({ models: some }) => Object.entries(some));
  await eventually(() => expect(Object.fromEntries(told())).toEqual({ 'a/b': held(0), 'a/c': held(0) }));
  expect(told()).toHaveLength(2);
});

test('a second without a line never passes', async () => {
  const { lines } = await read();
  for (let index = 0; index < 40; index += 1) {
    const before = lines.length;
    if (index === 17) hold('a/b', 1);
    await tick();
    if (index % 3 === 2) await eventually(() => lines.length > Math.max(0, before - 3));
  }
  await eventually(() => lines.length >= 13);
  const instants = lines.map(({ at }) => Date.parse(at));
  const gaps = instants.slice(1).map((at, index) => at - (instants[index] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(1_000);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(250);
});

test('how requests fare is told once a second at most, and whoever comes later hears what is true then', async () => {
  hold('a/b', 1);
  const { lines } = await read();
  await eventually(() => lines.length === 1);
  const line = models.get('a/b')?.line;
  for (let index = 0; index < 8; index += 1) {
    line?.experience.noteFirstToken(100);
    await tick();
  }
  await eventually(() => lines.length >= 3);
  const told = lines.flatMap((each) => each.models['a/b']?.ttftCount ?? []);
  expect(told).toEqual([3, 6]);
  const later = await read();
  await eventually(() => later.lines.length === 1);
  expect(later.lines[0]?.models['a/b']).toEqual({ ...came(1, 1), ttftMillis: 100, ttftCount: 8 });
});

test('whoever comes later knows what the first knows', async () => {
  const first = await read();
  await eventually(() => first.lines.length === 1);
  hold('a/b', 1);
  const second = await read();
  await eventually(() => second.lines.length === 1);
  for (const place of places) place.leave('unavailable');
  await tick();
  await eventually(() => second.lines.length === 2);
  expect(second.lines.map((line) => line.models['a/b'])).toEqual([came(1, 1), came(1, 0)]);
});

test('refuses whoever has no good token', async () => {
  expect((await read('wrong')).status).toBe(401);
  const answer = await fetch(`http://127.0.0.1:${port}/stats`);
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  expect(clock.sleeping).toBe(0);
});

test('a token that is taken back ends the streams that it opened', async () => {
  const { ended } = await read();
  valid = ['another-token-0123456789'];
  await tick(41);
  await eventually(() => ended.value);
  await eventually(() => clock.sleeping > 0, 50).catch(() => {});
  await clock.advance(250);
  expect(clock.sleeping).toBe(0); // nobody reads, so nothing is counted
});

test('a reader that does not read is cut off, and the others go on', async () => {
  const name = `a/${'b'.repeat(1_000_000)}`; // every line is large: what the sockets take is soon full
  hold(name, 1);
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {}).pause();
  let closed = false;
  socket.on('close', () => {
    closed = true;
  });
  await once(socket, 'connect');
  socket.write(`GET /stats HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\n\r\n`);
  const { lines, ended } = await read();
  await eventually(() => lines.length === 1);
  for (let index = 0; index < 40; index += 1) {
    hold(name, 1);
    await tick();
    await eventually(() => (lines.at(-1)?.models[name]?.held ?? 0) > index);
  }
  socket.resume();
  await eventually(() => closed);
  expect(ended.value).toBe(false);
});
