import { afterEach, describe, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import type { Behaviour } from '../../../test/fakes/mock-worker.ts';
import type { TenantSpec } from '../../api/tenant.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { accountOf } from '../identity/account.ts';
import { estimateTokens } from '../policies/tokens.ts';
import { RedisServer, storePrograms } from '../testing/redis-server.fake.ts';
import { MemoryStore } from './memory-store.ts';
import { RedisStore } from './redis-store.ts';
import type { LimitStore } from './store.ts';

type Limits = NonNullable<TenantSpec['limits']>;

const key = 'mf-shared';
const whole = { model: 'm', messages: [], max_tokens: 1 };
const open: { [Symbol.asyncDispose](): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

/** Gateways that know the same tenant, one over each store. */
async function start(limits: Limits, stores: readonly LimitStore[], worker: Behaviour = {}): Promise<TestGateway[]> {
  const all = await Promise.all(stores.map((store) => startTestGateway({ limits: store, workers: [worker] })));
  for (const gateway of all) gateway.keys.set('shared', [{ name: 'first', hash: hashApiKey(key) }], accountOf('shared', { limits }));
  open.push(...all);
  return all;
}

/** Stores that count in one Redis together. */
async function storesOf(server: RedisServer, count: number): Promise<RedisStore[]> {
  const common = { url: server.url, clock: systemClock, random: Math.random, logger: silentLogger, gateways: () => count };
  const stores = Array.from({ length: count }, () => new RedisStore(common));
  for (const store of stores) open.push({ [Symbol.asyncDispose]: () => store.close() });
  await eventually(() => expect(stores.every(({ shared }) => shared)).toBe(true));
  return stores;
}

/** How many of so many requests at once, dealt out to all gateways, are answered. */
async function admitted(all: readonly TestGateway[], requests: number, body: object = whole): Promise<number> {
  const statuses = await Promise.all(
    Array.from({ length: requests }, async (_, index) => {
      const answer = await all[index % all.length]?.post(body, { key });
      await answer?.text();
      return answer?.status;
    }),
  );
  for (const status of statuses) expect([200, 429]).toContain(status);
  return statuses.filter((status) => status === 200).length;
}

test('three gateways that share nothing admit their parts of the limit, and no more together', async () => {
  const all = await start(
    { requestsPerMinute: 50 },
    [1, 2, 3].map(() => new MemoryStore(systemClock, () => 3)),
  );
  expect(await admitted(all, 200)).toBe(48);
});

test('three gateways that share nothing reserve their parts of the tokens', async () => {
  const stores = [1, 2, 3].map(() => new MemoryStore(systemClock, () => 3));
  const all = await start({ tokensPerDay: 3_000 }, stores, { fault: 'hang' });
  const body = { ...whole, max_tokens: 100 };
  const places = 3 * Math.floor(1_000 / estimateTokens(JSON.stringify(body).length, 100, undefined));
  const leave = new AbortController();
  let refused = 0;
  const calls = Array.from({ length: 200 }, async (_, index) => {
    const answer = await all[index % 3]?.post(body, { key, signal: leave.signal }).catch(() => undefined);
    if (answer?.status === 429) refused += 1;
  });
  await eventually(() => expect(refused).toBe(200 - places));
  leave.abort();
  await Promise.all(calls);
  expect(refused).toBe(200 - places);
});

for (const { program, missing, title } of storePrograms) {
  describe.skipIf(missing !== undefined)(`over one ${title}`, () => {
    test.each([1, 3])('of 200 requests at once to %i gateways exactly as many are answered as the limit allows', async (count) => {
      await using server = await RedisServer.start({ program });
      const all = await start({ requestsPerMinute: 50 }, await storesOf(server, count));
      expect(await admitted(all, 200)).toBe(50);
      expect(await admitted(all, 20)).toBe(0);
    });

    test('three gateways admit exactly the limit, also when it dies and comes back', async () => {
      await using server = await RedisServer.start({ program });
      const stores = await storesOf(server, 3);
      const all = await start({ requestsPerMinute: 60 }, stores);
      expect(await admitted(all, 30)).toBe(30);
      await server.kill();
      expect(await admitted(all, 15)).toBe(15);
      expect(await all[0]?.metrics()).toContain('modelfleet_gateway_limits_shared 0');
      await server.run();
      await eventually(() => expect(stores.every(({ shared }) => shared)).toBe(true));
      expect(await admitted(all, 200)).toBe(15);
      expect(await all[0]?.metrics()).toContain('modelfleet_gateway_limits_shared 1');
    });

    test('tokens are reserved by three gateways together and paid as they were used, to the last one', async () => {
      await using server = await RedisServer.start({ program });
      const stores = await storesOf(server, 3);
      const all = await start({ tokensPerDay: 20_000 }, stores);
      const passed = await admitted(all, 200, { ...whole, max_tokens: 400 });
      expect(passed).toBeGreaterThan(0);
      const cost = 11; // of the mock worker's answer
      for (const store of stores)
        await eventually(async () => expect(await store.standing()).toMatchObject([{ remaining: 20_000 - passed * cost }]));
    });

    test('after 200 streams at once to three gateways the debt is the overrun of the last one at most', async () => {
      await using server = await RedisServer.start({ program });
      const limit = 6_000;
      const stores = await storesOf(server, 3);
      const all = await start({ tokensPerMinute: limit }, stores, { chunks: 100 });
      const missing = async () => {
        const [reading] = (await stores[0]?.standing()) ?? [];
        return ((reading?.resetMs ?? 0) * limit) / 60_000;
      };
      const stream = { ...whole, stream: true };
      const passed = await admitted(all, 200, { ...stream, max_tokens: 100 });
      expect(passed).toBeGreaterThanOrEqual(40);
      expect(await missing()).toBeLessThanOrEqual(limit);
      for (const { workers } of all) workers[0]?.behave({ chunks: 1_000 });
      await eventually(async () => expect(await admitted(all, 1, { ...stream, max_tokens: 1 })).toBe(1));
      const cost = 1_000 + 5;
      await eventually(async () => expect(await missing()).toBeGreaterThan(cost));
      expect(await missing()).toBeLessThanOrEqual(limit + cost);
    });
  });
}
