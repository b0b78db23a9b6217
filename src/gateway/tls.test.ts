import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../test/fakes/gateway.ts';
import { wholeAnswer } from '../../test/fakes/mock-worker.ts';
import { FakeClock } from '../core/fake-clock.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';

// The gateway with a certificate in files that are swapped as the kubelet swaps those of a Secret.

type Pair = { readonly cert: string; readonly key: string };

let directory: string;
let clock: FakeClock;
let log: { level: number; msg: string; subject?: string; err?: { message: string } }[];
let swaps: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gateway-tls-'));
  clock = new FakeClock();
  log = [];
  swaps = 0;
  for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), join(directory, name));
});
afterEach(() => rm(directory, { recursive: true }));

const files = () => ({ certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') });

async function pairFor(name: string): Promise<Pair> {
  const names = { name: 'subjectAltName' as const, altNames: [{ type: 7 as const, ip: '127.0.0.1' }] };
  const validity = { notBeforeDate: new Date('2025-01-01'), notAfterDate: new Date('2035-01-01') };
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [names],
    ...validity,
  });
  return { cert: made.cert, key: made.private };
}

async function mount({ cert, key }: Pair): Promise<void> {
  swaps += 1;
  const data = join(directory, `..data-${swaps}`);
  await mkdir(data);
  await writeFile(join(data, 'tls.crt'), cert);
  await writeFile(join(data, 'tls.key'), key);
  await symlink(data, join(directory, '..data.new'));
  await rename(join(directory, '..data.new'), join(directory, '..data'));
}

/** Lets the gateway look at its files once. */
async function look(): Promise<void> {
  await eventually(() => clock.sleeping === 1);
  await clock.advance(10_000);
  await eventually(() => clock.sleeping === 1);
}

function start(): Promise<TestGateway> {
  const logger = pino({ base: null }, { write: (line: string) => void log.push(JSON.parse(line)) });
  return startTestGateway({ tls: files(), clock, logger });
}

/** A new connection as a client makes it that trusts this certificate alone. */
async function dial(gateway: TestGateway, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(gateway.url).port), ...options });
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(gateway: TestGateway, socket: TLSSocket, more = 'Connection: close'): Promise<string> {
  const body = '{"model":"m"}';
  const lines = ['POST /v1/chat/completions HTTP/1.1', 'Host: g', `Authorization: Bearer ${gateway.key}`, more];
  socket.write(`${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  return text(socket);
}

test('serves over TLS, with the limits of plain HTTP', async () => {
  const pair = await pairFor('one');
  await mount(pair);
  await using gateway = await start();
  expect(gateway.url).toMatch(/^https:/);
  const answer = await ask(gateway, await dial(gateway, { ca: pair.cert }));
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toContain(wholeAnswer('m'));
  expect(await ask(gateway, await dial(gateway, { ca: pair.cert }), `X: ${'x'.repeat(20_000)}`)).toMatch(/^HTTP\/1\.1 431 /);
  await expect(dial(gateway, { ca: (await pairFor('other')).cert })).rejects.toThrow(/certificate/);
  expect(await gateway.metrics()).toContain('modelfleet_gateway_requests_total'); // without TLS
});

test('speaks TLS 1.2 and 1.3, nothing older and nothing else, and survives who tries', async () => {
  const pair = await pairFor('one');
  await mount(pair);
  await using gateway = await start();
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await dial(gateway, { ca: pair.cert, minVersion: version, maxVersion: version });
    expect(socket.getProtocol()).toBe(version);
    socket.destroy();
  }
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await expect(dial(gateway, { ca: pair.cert, ...old })).rejects.toThrow(/protocol version/);
  const plain = connectPlain(Number(new URL(gateway.url).port), '127.0.0.1');
  plain.write('GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n');
  expect(await text(plain).catch(() => 'reset')).not.toContain('HTTP/1.1');
  expect(await ask(gateway, await dial(gateway, { ca: pair.cert }))).toContain('200 OK');
});

test('takes the new certificate when the files change, without disturbing open connections', async () => {
  const [first, second] = [await pairFor('one'), await pairFor('two')];
  await mount(first);
  await using gateway = await start();
  const early = await dial(gateway, { ca: first.cert });
  await mount(second);
  await look();
  (await dial(gateway, { ca: second.cert })).destroy();
  expect(await ask(gateway, early)).toContain('200 OK');
  expect(log.at(-1)).toMatchObject({ msg: 'the certificate was renewed', subject: 'CN=two' });
});

test('keeps the old certificate while the new one is broken, and says so once', async () => {
  const [first, second, third] = [await pairFor('one'), await pairFor('two'), await pairFor('three')];
  await mount(first);
  await using gateway = await start();
  const failures = () => log.filter(({ level }) => level === 50).map(({ err }) => err?.message);
  for (const [broken, message] of [
    [{ cert: second.cert, key: third.key }, /key values mismatch/],
    [{ cert: 'no certificate', key: second.key }, /TLS cannot use/],
  ] as const) {
    const before = failures().length;
    await mount(broken);
    await look();
    expect(failures().slice(before)).toEqual([expect.stringMatching(message)]);
    await look();
    (await dial(gateway, { ca: first.cert })).destroy();
    expect(failures()).toHaveLength(before + 1);
  }
  await mount(second);
  await look();
  (await dial(gateway, { ca: second.cert })).destroy();
});

test('files that are no pair end the start with both names', async () => {
  const [first, second] = [await pairFor('one'), await pairFor('two')];
  await mount({ cert: first.cert, key: second.key });
  const { certFile, keyFile } = files();
  await expect(start()).rejects.toThrow(`TLS cannot use ${certFile} with ${keyFile}`);
});

test('a handshake that does not come keeps the end waiting no longer than the drain', async () => {
  const pair = await pairFor('one');
  await mount(pair);
  await using gateway = await start();
  const mute = connectPlain(Number(new URL(gateway.url).port), '127.0.0.1');
  await once(mute, 'connect');
  (await dial(gateway, { ca: pair.cert })).destroy(); // by now the server knows the mute one
  const ended = once(mute.resume(), 'close');
  await gateway.close({ drainMs: 300, graceMs: 100 });
  await ended;
});
