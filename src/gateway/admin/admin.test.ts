import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestGateway } from '../../../test/fakes/gateway.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { accountOf } from '../identity/account.ts';
import { RedisStore } from '../limits/redis-store.ts';
import { noRedis, RedisServer } from '../testing/redis-server.fake.ts';

const token = 'an-admin-token-of-some-length';
let directory: string;
let drains: number;

beforeEach(async () => {
  drains = 0;
  directory = await mkdtemp(join(tmpdir(), 'admin-'));
  await writeFile(join(directory, 'token'), token);
});
afterEach(() => rm(directory, { recursive: true }));

async function start(options: Parameters<typeof startTestGateway>[0] = {}) {
  const onDrain = () => {
    drains += 1;
  };
  const gateway = await startTestGateway({ ...options, admin: { port: 0, tokenFile: join(directory, 'token'), onDrain } });
  const ask = (path: string, init: { method?: string; token?: string } = {}) =>
    fetch(`${gateway.adminUrl}${path}`, { method: init.method ?? 'GET', headers: { authorization: `Bearer ${init.token ?? token}` } });
  return { gateway, ask };
}

test('only the probes are open to whoever has no token', async () => {
  const { gateway, ask } = await start();
  await using _ = gateway;
  expect((await fetch(`${gateway.adminUrl}/healthz`)).status).toBe(200);
  expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
  for (const path of ['/metrics', '/stats', '/queues', '/limits', '/nothing']) {
    expect((await fetch(gateway.adminUrl + path)).status).toBe(401);
    expect((await ask(path, { token: gateway.key })).status).toBe(401);
  }
  expect((await ask('/drain', { method: 'POST', token: 'wrong' })).status).toBe(401);
  expect(drains).toBe(0);
});

test('tells who waits and who runs, where', async () => {
  const { gateway, ask } = await start({ workers: [{ fault: 'hang' }], serving: { maxConcurrencyPerReplica: 1 } });
  await using _ = gateway;
  const abort = new AbortController();
  const calls = [1, 2, 3].map(() => gateway.post({ model: 'm' }, { signal: abort.signal }).catch(() => undefined));
  await eventually(async () => {
    const { models } = (await (await ask('/queues')).json()) as { models: object[] };
    expect(models).toMatchObject([
      { model: 'ns/m', held: 0, queued: 2, running: 1, replicas: [{ name: 'm-0', ready: true, running: 1, health: 'well' }] },
    ]);
  });
  abort.abort();
  await Promise.all(calls);
});

test('tells what is left of the limits, and the metrics', async () => {
  const { gateway, ask } = await start();
  await using _ = gateway;
  gateway.keys.set('beta', [{ name: 'k', hash: hashApiKey('mf-beta') }], accountOf('beta', { limits: { requestsPerMinute: 60 } }));
  await gateway.post({ model: 'm' }, { key: 'mf-beta' });
  expect(await (await ask('/limits')).json()).toMatchObject({
    countedBy: 'this gateway',
    limits: [{ scope: 'tenant', name: 'requestsPerMinute', limit: 60, remaining: 59 }],
  });
  const metrics = await (await ask('/metrics')).text();
  expect(metrics).toContain('modelfleet_gateway_requests_total');
  expect(metrics).toMatch(/modelfleet_gateway_key_last_used_timestamp_seconds\{tenant="beta",key="k"\} \d+/);
  expect(await (await ask('/keys')).json()).toEqual({ keys: [{ tenant: 'beta', key: 'k', lastUsedAt: expect.stringMatching(/Z$/) }] });
  expect((await ask('/nothing')).status).toBe(404);
});

test.skipIf(noRedis !== undefined)(
  `tells the limits as all gateways have counted them together${noRedis ? `: ${noRedis}` : ''}`,
  async () => {
    await using server = await RedisServer.start();
    const open = () => new RedisStore({ url: server.url, clock: systemClock, random: () => 0, logger: silentLogger, gateways: () => 2 });
    const [own, other] = [open(), open()];
    const { gateway, ask } = await start({ limits: own });
    await using _ = gateway;
    await eventually(() => expect([own.shared, other.shared]).toEqual([true, true]));
    const account = accountOf('beta', { limits: { requestsPerMinute: 60, tokensPerMinute: 600, concurrency: 5, tokensPerDay: 1_000 } });
    gateway.keys.set('beta', [{ name: 'k', hash: hashApiKey('mf-beta') }], account);
    const answer = (await (await gateway.post({ model: 'm' }, { key: 'mf-beta' })).json()) as { usage: { total_tokens: number } };
    const elsewhere = { gates: account.gates, tokens: 100 };
    await other.reserve(elsewhere);

    const told = async () => (await (await ask('/limits')).json()) as { countedBy: string; limits: { name: string; remaining: number }[] };
    const remaining = async () => Object.fromEntries((await told()).limits.map((limit) => [limit.name, limit.remaining]));
    const cost = answer.usage.total_tokens;
    await eventually(async () =>
      expect(await remaining()).toMatchObject({ requestsPerMinute: 58, concurrency: 4, tokensPerDay: 1_000 - 100 - cost }),
    );
    expect((await told()).countedBy).toBe('all gateways');
    expect((await remaining()).tokensPerMinute).toBeLessThanOrEqual(600);
    other.settle(elsewhere, Date.now(), 0);
    await eventually(async () => expect(await remaining()).toMatchObject({ concurrency: 5, tokensPerDay: 1_000 - cost }));

    await server.kill();
    await eventually(async () => expect(await told()).toMatchObject({ countedBy: 'this gateway' }));
    await Promise.all([own.close(), other.close()]);
  },
);

test('a drain is begun by POST alone', async () => {
  const { gateway, ask } = await start();
  await using _ = gateway;
  expect((await ask('/drain')).status).toBe(404);
  expect((await ask('/drain', { method: 'POST' })).status).toBe(202);
  expect(drains).toBe(1);
});

test('says that it is not ready while the cluster is not read', async () => {
  const { gateway } = await start({ ready: () => false });
  await using _ = gateway;
  const answer = await fetch(`${gateway.adminUrl}/readyz`);
  expect([answer.status, await answer.json()]).toEqual([503, { status: 'waiting', waitingFor: ['the cluster'] }]);
});
