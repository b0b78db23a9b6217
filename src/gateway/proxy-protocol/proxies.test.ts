import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { freePort } from '../../../test/fakes/free-port.ts';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import type { ServeOptions } from '../serve.ts';
import { Haproxy, noHaproxy } from '../testing/haproxy.fake.ts';
import type { UsageRecord } from '../usage/record.ts';
import { Networks } from './networks.ts';

const first = 'PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\n';
const second = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000208 0a000001 9c40 01bb'.replaceAll(' ', ''), 'hex');
/** A request that is refused for who asks, so that a record of it tells where from. */
const refused = 'GET /v1/models HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer mf-wrong\r\n\r\n';

let records: UsageRecord[];
let log: { msg: string; from?: string; why?: string; before?: number }[];
let directory: string;
let tls: { readonly certFile: string; readonly keyFile: string };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'proxy-protocol-'));
  tls = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') };
  const pair = await generate([{ name: 'commonName', value: 'g' }], { keyType: 'ec', algorithm: 'sha256' });
  await writeFile(tls.certFile, pair.cert);
  await writeFile(tls.keyFile, pair.private);
});
afterAll(() => rm(directory, { recursive: true }));
beforeEach(() => {
  records = [];
  log = [];
});

/** A gateway behind proxies of this machine. */
function start(options: Partial<ServeOptions> = {}): Promise<TestGateway> {
  const logger = pino({ base: null }, { write: (line: string) => void log.push(JSON.parse(line)) });
  const usageLog = { add: (record: UsageRecord) => void records.push(record), lost: 0 };
  return startTestGateway({ proxiesFrom: new Networks(['127.0.0.1']), usageLog, logger, ...options });
}

async function dial(gateway: TestGateway, options: Partial<NetConnectOpts> = {}): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(gateway.url).port), ...options });
  await once(socket, 'connect');
  return socket;
}

/** Whom the next refused request was recorded for. */
async function callerOf(act: () => void | Promise<void>): Promise<string | undefined> {
  const before = records.length;
  await act();
  await eventually(() => records.length > before);
  return records.at(-1)?.from;
}

/** What the gateway says until it closes the connection. */
function lastWords(socket: Socket): Promise<string> {
  return text(socket).catch(() => ''); // reset: it says nothing
}

test.for<[string, string | Buffer, string]>([
  ['version 1', first, '192.0.2.7'],
  ['version 2', second, '192.0.2.8'],
  ['a proxy that speaks for itself', 'PROXY UNKNOWN\r\n', '127.0.0.1'],
])('denials are recorded for the caller whom the header tells: %s', async ([, header, caller]) => {
  await using gateway = await start();
  const socket = await dial(gateway);
  expect(await callerOf(() => void socket.write(Buffer.concat([Buffer.from(header), Buffer.from(refused)])))).toBe(caller);
  // It holds for all requests of the connection, and for no other.
  expect(await callerOf(() => void socket.write(refused))).toBe(caller);
  const other = await dial(gateway);
  expect(await callerOf(() => void other.write(`PROXY TCP6 2001:db8::9 ::1 1 2\r\n${refused}`))).toBe('2001:db8::9');
  expect(await callerOf(() => void socket.write(refused))).toBe(caller);
  for (const one of [socket, other]) one.destroy();
});

test('takes a header that comes byte by byte, and a request in the same packet as its end', async () => {
  await using gateway = await start();
  const bytes = Buffer.concat([second, Buffer.from(refused)]);
  const socket = await dial(gateway, { noDelay: true });
  const arrived = async () => {
    for (const byte of bytes.subarray(0, second.length - 1)) {
      socket.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    socket.write(bytes.subarray(second.length - 1));
  };
  expect(await callerOf(arrived)).toBe('192.0.2.8');
  socket.destroy();
});

test('serves streams behind a header as without one', async () => {
  await using gateway = await start();
  const body = '{"model":"m","stream":true,"messages":[]}';
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\nAuthorization: Bearer ${gateway.key}`;
  const socket = await dial(gateway);
  socket.write(`${first}${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toContain('data: [DONE]');
});

test('tells the caller behind TLS too', async () => {
  await using gateway = await start({ tls });
  for (const [header, caller] of [
    [first, '192.0.2.7'],
    [second, '192.0.2.8'],
  ] as const) {
    const socket = await dial(gateway);
    socket.cork(); // header and hello in one packet
    socket.write(header);
    const secure = connectTls({ socket, rejectUnauthorized: false });
    socket.uncork();
    expect(await callerOf(() => void secure.write(refused))).toBe(caller);
    expect(await callerOf(() => void secure.write(refused))).toBe(caller);
    secure.destroy();
  }
});

test.for<[string, string]>([
  ['a request', refused],
  ['a broken header', 'PROXY TCP4 192.0.2.7\r\n'],
  ['a second version that is none', `${second.subarray(0, 12).toString('latin1')}\x31`.padEnd(20)],
])('closes a connection that begins with %s, without a word', async ([, bytes]) => {
  await using gateway = await start();
  const socket = await dial(gateway);
  socket.write(bytes, 'latin1');
  expect(await lastWords(socket)).toBe('');
  expect(log).toMatchObject([{ from: '127.0.0.1', why: expect.stringContaining('header') }]);
  expect(records).toEqual([]);
});

test('closes connections that come from elsewhere, whatever they bring, and says so once', async () => {
  await using gateway = await start();
  for (let times = 0; times < 3; times += 1) {
    const socket = await dial(gateway, { localAddress: '127.0.0.2' });
    socket.on('error', () => {}).write(first + refused);
    expect(await lastWords(socket)).toBe('');
  }
  expect(log).toMatchObject([{ from: '127.0.0.2', why: 'is not in a network of --proxy-protocol-from', before: 0 }]);
});

test('waits for a header no longer than its time, however it trickles', async () => {
  await using gateway = await start({ headersTimeoutMs: 200 });
  const mute = await dial(gateway);
  const slow = await dial(gateway);
  slow.write('PROXY TCP4 ');
  const trickle = setInterval(() => slow.write('1'), 10);
  slow.on('error', () => {}); // it writes until it sees the end
  expect(await Promise.all([lastWords(mute), lastWords(slow)])).toEqual(['', '']);
  clearInterval(trickle);
  expect(log).toMatchObject([{ why: 'sends no header in time' }]);
  expect(log).toHaveLength(1);
});

test('takes no notice of health checks that only connect', async () => {
  await using gateway = await start();
  (await dial(gateway)).destroy();
  const polite = await dial(gateway);
  expect(await lastWords(polite.end())).toBe('');
  const socket = await dial(gateway);
  expect(await callerOf(() => void socket.write(first + refused))).toBe('192.0.2.7');
  expect(log).toEqual([]);
  socket.destroy();
});

test('at the end an idle connection is closed after the grace, one without a header with the drain', async () => {
  await using gateway = await start();
  const idle = await dial(gateway);
  await callerOf(() => void idle.write(first + refused));
  const unused = await dial(gateway);
  unused.write(first);
  const mute = await dial(gateway);
  const ended = [idle, unused, mute].map((socket) => once(socket.resume(), 'close'));
  const begun = await dial(gateway);
  begun.write(first + refused.slice(0, 20));
  await callerOf(() => void idle.write(refused)); // by now the gateway has read what came before
  const closed = gateway.close({ drainMs: 900, graceMs: 200 });
  await Promise.all(ended.slice(0, 2));
  // A request that has begun is no idleness.
  expect(await callerOf(() => void begun.write(refused.slice(20)))).toBe('192.0.2.7');
  await Promise.all([...ended, closed]);
  expect(log).toEqual([]); // its time was not over
});

test.skipIf(noHaproxy)(`a real HAProxy tells who calls (${noHaproxy ?? 'both versions, with TLS passed through'})`, async () => {
  await using plain = await start();
  await using secure = await start({ tls });
  const options = ['send-proxy', 'send-proxy-v2 proxy-v2-options crc32c', 'send-proxy-v2-ssl', 'send-proxy-v2'];
  const check = 'check check-send-proxy inter 100ms';
  const ports = await Promise.all(options.flatMap(() => [freePort(), freePort()]));
  const passages = [plain, secure].flatMap((gateway, index) =>
    options.map((option, at) => ({
      port: ports[index * options.length + at] ?? 0,
      to: new URL(gateway.url).host,
      options: `${option} ${check}`,
    })),
  );
  await using haproxy = await Haproxy.start(passages);
  for (const [index, { port, to }] of passages.entries()) {
    const from = { host: '127.0.0.1', port, localAddress: '127.0.0.9' };
    const isSecure = to === new URL(secure.url).host;
    const caller = await callerOf(() =>
      eventually(async () => {
        expect(haproxy.running).toBe(true);
        const socket = connect(from);
        socket.on('error', () => {}); // it does not listen yet
        const wire = isSecure ? connectTls({ socket, rejectUnauthorized: false }).on('error', () => {}) : socket;
        wire.write(refused.replace('Host', 'Connection: close\r\nHost'));
        expect(await lastWords(wire)).toMatch(/^HTTP\/1\.1 401 /);
      }, 10_000),
    );
    expect(caller, `passage ${index}`).toBe('127.0.0.9');
  }
  expect(log.filter(({ why }) => why !== undefined)).toEqual([]);
});
