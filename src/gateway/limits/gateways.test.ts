import { expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import type { TenantSpec } from '../../api/tenant.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { accountOf } from '../identity/account.ts';
import { noRedis, RedisServer } from '../testing/redis-server.fake.ts';
import { MemoryStore } from './memory-store.ts';
import { RedisStore } from './redis-store.ts';
import type { LimitStore } from './store.ts';

const key = 'mf-shared';
const count = 3;
const gateways = () => count;

/** Gateways that know the same tenant. */
async function start(limits: NonNullable<TenantSpec['limits']>, store: () => LimitStore): Promise<TestGateway[]> {
  const all = await Promise.all(Array.from({ length: count }, () => startTestGateway({ limits: store() })));
  for (const gateway of all) gateway.keys.set('shared', [{ name: 'first', hash: hashApiKey(key) }], accountOf('shared', { limits }));
  return all;
}

/** How many of so many requests at once, dealt out to all gateways, are answered. */
async function admitted(all: readonly TestGateway[], requests: number): Promise<number> {
  const ask = (index: number) => all[index % count]?.post({ model: 'm', messages: [], max_tokens: 1 }, { key });
  const answers = await Promise.all(Array.from({ length: requests }, (_, index) => ask(index)));
  for (const answer of answers) expect([200, 429]).toContain(answer?.status);
  return answers.filter((answer) => answer?.status === 200).length;
}

test('three gateways that share nothing admit their parts of the limit, and no more together', async () => {
  const all = await start({ requestsPerMinute: 50 }, () => new MemoryStore(systemClock, gateways));
  expect(await admitted(all, 200)).toBe(48);
  for (const gateway of all) await gateway[Symbol.asyncDispose]();
});

test.skipIf(noRedis !== undefined)(
  `three gateways over one Redis admit exactly the limit, also when it dies and comes back${noRedis ? `: ${noRedis}` : ''}`,
  async () => {
    await using server = await RedisServer.start();
    const stores = Array.from(
      { length: count },
      () => new RedisStore({ url: server.url, clock: systemClock, random: Math.random, logger: silentLogger, gateways }),
    );
    const unused = [...stores];
    await eventually(() => expect(stores.every(({ shared }) => shared)).toBe(true));
    const all = await start({ requestsPerMinute: 60 }, () => unused.pop() ?? expect.unreachable());

    expect(await admitted(all, 30)).toBe(30);
    await server.kill();
    expect(await admitted(all, 15)).toBe(15);
    expect(await all[0]?.metrics()).toContain('modelfleet_gateway_limits_shared 0');
    await server.run();
    await eventually(() => expect(stores.every(({ shared }) => shared)).toBe(true));
    expect(await admitted(all, 200)).toBe(15);
    expect(await all[0]?.metrics()).toContain('modelfleet_gateway_limits_shared 1');

    for (const gateway of all) await gateway[Symbol.asyncDispose]();
    for (const store of stores) await store.close();
  },
);
