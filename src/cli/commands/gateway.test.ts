import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request as send } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import { generate } from 'selfsigned';
import { request, Agent as UndiciAgent } from 'undici';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningCommand, startModelfleet, writeTestKubeconfig } from '../../../test/fakes/command.ts';
import { type MockWorker, startMockWorker, streamedAnswer, wholeAnswer } from '../../../test/fakes/mock-worker.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { noRedis, RedisServer } from '../../gateway/testing/redis-server.fake.ts';
import { FakeApiServer } from '../../kube/testing/api-server.fake.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';

const apiVersion = 'modelfleet.dev/v1alpha1';
const model = { source: 'file:///models/m.gguf' };
let directory: string;
let kubeconfig: string;
let api: FakeApiServer;
let worker: MockWorker;
let children: ChildProcess[];

beforeEach(async () => {
  children = [];
  directory = await mkdtemp(join(tmpdir(), 'gateway-command-'));
  api = await FakeApiServer.start();
  worker = await startMockWorker({ chunks: 40, paceMs: 20 });
  const { port } = new URL(worker.origin);
  const keys = [{ name: 'k', hash: hashApiKey('mf-k') }];
  const tenant = { apiVersion, kind: 'Tenant', metadata: { name: 'acme' }, spec: { keys } };
  const deployment = { apiVersion, kind: 'ModelDeployment', metadata: { name: 'm', namespace: 'ns' }, spec: { model } };
  const labels = { 'modelfleet.dev/model': 'm' };
  const annotations = { 'modelfleet.dev/ports': `{"http":${port},"management":1}` };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'm-1', namespace: 'ns', labels, annotations },
    spec: { containers: [] },
    status: { podIP: '127.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
  };
  api.put('tenants', tenant);
  api.put('modeldeployments', deployment);
  api.put('pods', pod);
  kubeconfig = await writeTestKubeconfig(directory, api.url);
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await worker.close();
  await api.close();
  await rm(directory, { recursive: true });
});

/** Runs the command in a process of its own; `url` resolves when it says where it listens. */
function start(...flags: string[]): RunningCommand & { url: () => Promise<string> } {
  const own = ['--kubeconfig', kubeconfig, '--host', '127.0.0.1', '--metrics-port', '0'];
  const command = startModelfleet('gateway', ...own, ...flags);
  children.push(command.child);
  const url = async () => {
    await eventually(() => command.output().includes('"url"'), 30_000);
    return /"url":"([^"]+)"/.exec(command.output())?.[1] ?? '';
  };
  return { ...command, url };
}

test('records who calls through a balancer that speaks the PROXY protocol', async () => {
  const log = join(directory, 'usage.jsonl');
  const { url } = start('--port', '0', '--proxy-protocol', '--proxy-protocol-from', '127.0.0.0/8', '--usage-log', log);
  const port = Number(new URL(await url()).port);
  await eventually(async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write('PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\nGET /v1/models HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 /); // it knows the keys by now
  });
  await eventually(async () => expect(await readFile(log, 'utf8')).toContain('"from":"192.0.2.7"'));
});

test('serves the cluster of the kubeconfig, and at SIGTERM ends with its last stream', async () => {
  const { child, url, output } = start('--port', '0');
  const origin = await url();
  await eventually(async () => (await fetch(`${origin}/readyz`)).status === 200);
  const answer = await fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer mf-k' },
    body: JSON.stringify({ model: 'm', stream: true }),
  });

  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await answer.text()).toBe(streamedAnswer('m', 40));
  expect(await ended).toEqual([0, null]);
  expect(output()).not.toContain('mf-k');
});

/** A stand-in for kube-proxy: a new connection goes to `target`, an old one stays where it is. */
async function startBalancer() {
  const balancer = { target: '', port: 0, close: () => {} };
  const open = new Set<Socket>();
  const server = createServer((caller) => {
    const { hostname, port } = new URL(balancer.target);
    const gateway = connect(Number(port), hostname);
    for (const [from, to] of [
      [caller, gateway],
      [gateway, caller],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy()).on('close', () => open.delete(from) && to.end());
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  balancer.port = (server.address() as AddressInfo).port;
  balancer.close = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  return balancer;
}

/** Asks 20 times a second over kept-alive connections, each fifth time for a stream, and never tries again. */
function startCallers(port: number) {
  const agent = new Agent({ keepAlive: true });
  const headers = { authorization: 'Bearer mf-k' };
  const tally = { answered: 0, closed: 0, failures: [] as string[] };
  let asked = 0;
  const running = new Set<Promise<void>>();
  const ask = async (stream: boolean) => {
    try {
      const sent = send({ port, agent, headers, method: 'POST', path: '/v1/chat/completions' });
      const answer = once(sent, 'response');
      sent.end(JSON.stringify({ model: 'm', stream }));
      const [response] = (await answer) as [IncomingMessage];
      const body = await text(response);
      if (response.headers.connection === 'close') tally.closed += 1;
      if (response.statusCode !== 200 || body !== (stream ? streamedAnswer('m', 40) : wholeAnswer('m')))
        throw new Error(`${response.statusCode} ${body.slice(-200)}`);
      tally.answered += 1;
    } catch (error) {
      tally.failures.push(String(error));
    }
  };
  const timer = setInterval(() => {
    asked += 1;
    const one = ask(asked % 5 === 0).finally(() => running.delete(one));
    running.add(one);
  }, 50);
  const end = async () => {
    clearInterval(timer);
    await Promise.all(running);
    agent.destroy();
    return tally;
  };
  return { tally, end };
}

test('callers of 20 requests a second see no failure while one gateway after the other ends', { timeout: 90_000 }, async () => {
  const balancer = await startBalancer();
  let current = start('--port', '0');
  balancer.target = await current.url();
  await eventually(async () => (await fetch(`${balancer.target}/readyz`)).status === 200);
  const callers = startCallers(balancer.port);
  for (let turn = 0; turn < 3; turn += 1) {
    const next = start('--port', '0');
    const target = await next.url();
    await eventually(async () => (await fetch(`${target}/readyz`)).status === 200);
    const ended = once(current.child, 'exit');
    const { answered, closed } = callers.tally;
    current.child.kill('SIGTERM');
    // The balancer hears of it late: new connections still come to the gateway that ends.
    await eventually(() => callers.tally.closed > closed + 3);
    balancer.target = target;
    expect(await ended).toEqual([0, null]);
    expect(callers.tally.answered).toBeGreaterThan(answered);
    current = next;
  }
  const { failures, answered } = await callers.end();
  balancer.close();
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(100);
});

test('speaks TLS with the certificate of its files, and its probes do without', async () => {
  const names = { name: 'subjectAltName' as const, altNames: [{ type: 7 as const, ip: '127.0.0.1' }] };
  const made = await generate([{ name: 'commonName', value: 'gateway' }], { keyType: 'ec', algorithm: 'sha256', extensions: [names] });
  const [certFile, keyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
  await writeFile(certFile, made.cert);
  await writeFile(keyFile, made.private);
  const { url, output } = start('--port', '0', '--tls-cert-file', certFile, '--tls-key-file', keyFile);
  const origin = await url();
  expect(origin).toMatch(/^https:/);
  const agent = new UndiciAgent({ connect: { ca: made.cert } });
  await eventually(async () => (await request(`${origin}/readyz`, { dispatcher: agent })).statusCode === 200);
  await agent.close();
  const metrics = /"metrics":"([^"]+)"/.exec(output())?.[1] ?? '';
  expect((await fetch(new URL('/readyz', metrics))).status).toBe(200);
  expect(await (await fetch(metrics)).text()).toMatch(/^rest_client_requests_total\{code="200",method="GET",host="127.0.0.1:\d+"\} [1-9]/m);
});

test('a taken port ends it with a clear sentence', async () => {
  const { port } = new URL(worker.origin);
  const { child, output } = start('--port', port);
  const [code] = await once(child, 'exit');
  expect(code).not.toBe(0);
  expect(output()).toContain(`Port ${port} on 127.0.0.1 is taken`);
});

test.each([
  [['--port', '70000'], 'Give a whole number from 0 to 65535.'],
  [['--tls-cert-file', 'tls.crt'], 'TLS needs a certificate and its key: give --tls-key-file too, or neither.'],
  [['--tls-cert-file', '/none', '--tls-key-file', '/none'], 'Cannot read /none, which TLS needs'],
  [['--stats-token-file', '/none'], 'Cannot read the tokens in /none'],
  [['--drain-timeout', 'soon'], '"soon" is not a duration such as 30s'],
  [['--proxy-protocol'], 'needs to know where its proxies are: give --proxy-protocol-from too, or neither.'],
  [['--proxy-protocol', '--proxy-protocol-from', '10.0.0.0/33'], '10.0.0.0/33 is no network: give one such as 10.0.0.0/8'],
  [['--redis-url', 'http://:secret@cache'], '--redis-url is no address of a Redis: give one'],
])('refuses %j and says what it expects', async (flags, sentence) => {
  const { child, output } = start(...flags);
  const [code] = await once(child, 'exit');
  expect(code).toBe(1);
  expect(output()).toContain(sentence);
  expect(output()).not.toContain('secret');
});

test('a drain that the admin surface is asked for ends it as SIGTERM does, with its last usage record', async () => {
  const [tokens, log] = [join(directory, 'admin'), join(directory, 'usage.jsonl')];
  await writeFile(tokens, 'an-admin-token-of-some-length');
  const { child, url, output } = start('--port', '0', '--admin-port', '0', '--admin-token-file', tokens, '--usage-log', log);
  const origin = await url();
  await eventually(async () => (await fetch(`${origin}/readyz`)).status === 200);
  const answer = await fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer mf-k' },
    body: JSON.stringify({ model: 'm', stream: true }),
  });

  const ended = once(child, 'exit');
  const admin = /"admin":"([^"]+)"/.exec(output())?.[1];
  const headers = { authorization: 'Bearer an-admin-token-of-some-length' };
  expect((await fetch(`${admin}/drain`, { method: 'POST', headers })).status).toBe(202);
  expect(await answer.text()).toBe(streamedAnswer('m', 40));
  expect(await ended).toEqual([0, null]);
  const records = (await readFile(log, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(records.at(-1)).toMatchObject({ tenant: 'acme', key: 'k', model: 'ns/m', status: 200, completionTokens: 40 });
}, 60_000);

test.skipIf(noRedis !== undefined)(
  `counts, keeps and records in a Redis that speaks TLS, the last record too${noRedis ? `: ${noRedis}` : ''}`,
  async () => {
    const names = { name: 'subjectAltName' as const, altNames: [{ type: 7 as const, ip: '127.0.0.1' }] };
    const made = await generate([{ name: 'commonName', value: 'store' }], { keyType: 'ec', algorithm: 'sha256', extensions: [names] });
    const [certFile, keyFile] = [join(directory, 'redis.crt'), join(directory, 'redis.key')];
    await writeFile(certFile, made.cert);
    await writeFile(keyFile, made.private);
    await using server = await RedisServer.start({ secure: { certFile, keyFile, user: 'gateway', password: 'sesame' } });
    const redis = new Redis(server.url, { tls: { ca: made.cert } });
    redis.on('error', () => {}); // where the test fails, the server ends first
    const keys = [{ name: 'k', hash: hashApiKey('mf-k') }];
    const tenant = { apiVersion, kind: 'Tenant', metadata: { name: 'acme' }, spec: { keys, limits: { requestsPerMinute: 10 } } };
    const spec = { model, serving: { cache: { ttl: '5m' } } };
    const deployment = { apiVersion, kind: 'ModelDeployment', metadata: { name: 'm', namespace: 'ns' }, spec };
    api.put('tenants', tenant);
    api.put('modeldeployments', deployment);

    const flags = [
      '--redis-url',
      server.url,
      '--redis-ca-file',
      certFile,
      '--response-cache',
      'redis',
      '--usage-stream',
      'modelfleet:usage',
    ];
    const { child, url, output } = start('--port', '0', ...flags);
    const origin = await url();
    await eventually(async () => (await fetch(`${origin}/readyz`)).status === 200);
    const metrics = async () => (await fetch(/"metrics":"([^"]+)"/.exec(output())?.[1] ?? '')).text();
    await eventually(async () => expect(await metrics()).toContain('\nmodelfleet_gateway_limits_shared 1\n'));
    const ask = async () => {
      const body = JSON.stringify({ model: 'm', temperature: 0 });
      const answer = await fetch(`${origin}/v1/chat/completions`, { method: 'POST', headers: { authorization: 'Bearer mf-k' }, body });
      expect(await answer.text()).toBe(wholeAnswer('m'));
      return [answer.headers.get('x-modelfleet-cache'), answer.headers.get('x-ratelimit-remaining-requests')];
    };
    expect(await ask()).toEqual(['miss', '9']);
    await eventually(async () => expect((await redis.keys('modelfleet:cache:*')).length).toBe(1));
    expect(await ask()).toEqual(['hit', '8']);
    expect(await redis.keys('modelfleet:{acme}:*')).toEqual(['modelfleet:{acme}:tenant::requestsPerMinute']);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    const records = (await redis.xrange('modelfleet:usage', '-', '+')).map(([, [, record = '']]) => JSON.parse(record));
    expect(records.map(({ tenant, cache }) => [tenant, cache])).toEqual([
      ['acme', 'miss'],
      ['acme', 'hit'],
    ]);
    expect(output()).not.toContain('sesame');
    redis.disconnect();
  },
  60_000,
);
