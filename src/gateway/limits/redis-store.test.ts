import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { TenantSpec } from '../../api/tenant.ts';
import type { Rates } from '../../api/tenant-limits.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { RedisServer, storePrograms } from '../testing/redis-server.fake.ts';
import { gatesOf } from './gate.ts';
import { RedisStore } from './redis-store.ts';
import type { Demand, Verdict } from './store.ts';

type Policies = NonNullable<TenantSpec['limits']>['onOutage'];

for (const { program, missing, title } of storePrograms) {
  describe.skipIf(missing !== undefined)(`limits in ${title}`, () => {
    let server: RedisServer;
    const stores: RedisStore[] = [];
    let tenants = 0;

    beforeAll(async () => {
      server = await RedisServer.start({ program });
    });
    afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));
    afterAll(() => server?.[Symbol.asyncDispose]());

    async function gateways(count: number, random = () => 0): Promise<RedisStore[]> {
      const opened = Array.from(
        { length: count },
        () => new RedisStore({ url: server.url, clock: systemClock, random, logger: silentLogger, gateways: () => count }),
      );
      stores.push(...opened);
      await eventually(() => expect(opened.every(({ shared }) => shared)).toBe(true));
      return opened;
    }

    /** Makes demands of a tenant that nobody has used before. */
    function newTenant(rates: Rates, onOutage: Policies = {}): (tokens?: number) => Demand {
      tenants += 1;
      const gates = gatesOf(`tenant-${tenants}`, 'tenant', '', rates, onOutage);
      return (tokens = 0) => ({ gates, tokens });
    }

    const granted = (verdicts: readonly Verdict[]) => verdicts.filter((verdict) => verdict.granted).length;
    const at = <T>(list: readonly T[], index: number): T => list[index % list.length] ?? expect.unreachable();

    test.each([1, 3])('of 200 requests at once over %i gateways exactly as many pass as the limit allows', async (count) => {
      const all = await gateways(count);
      const demand = newTenant({ requestsPerMinute: 50 });
      const verdicts = await Promise.all(Array.from({ length: 200 }, (_, index) => at(all, index).reserve(demand())));
      expect(granted(verdicts)).toBe(50);
      const refused = verdicts.find((verdict) => !verdict.granted);
      expect(refused?.readings[0]).toMatchObject({
        remaining: 0,
        waitMs: expect.closeTo(60_500, -3.1),
        resetMs: expect.closeTo(60_500, -3.1),
      });
    });

    test('all gates of a request pass together or none counts it', async () => {
      const [store] = await gateways(1);
      const demand = newTenant({ requestsPerMinute: 10, concurrency: 1 });
      const first = demand();
      expect((await store?.reserve(first))?.granted).toBe(true);
      for (let more = 0; more < 5; more += 1) {
        expect(await store?.reserve(demand())).toMatchObject({
          granted: false,
          readings: [{ remaining: 9, waitMs: 0 }, { waitMs: 1_000 }],
        });
      }
      store?.settle(first, Date.now(), 0);
      await eventually(async () => (await store?.reserve(demand()))?.granted);
    });

    test('each request that runs has a place of its own, whatever gateway it came through', async () => {
      const all = await gateways(3);
      const demand = newTenant({ concurrency: 10 });
      const asked = Array.from({ length: 60 }, (_, index) => ({ one: demand(), store: at(all, index) }));
      const verdicts = await Promise.all(asked.map(({ one, store }) => store.reserve(one)));
      expect(granted(verdicts)).toBe(10);
      const leaving = asked.filter((_, index) => verdicts[index]?.granted).slice(0, 4);
      for (const { one, store } of leaving) store.settle(one, Date.now(), 0);
      await eventually(async () => expect(await all[0]?.standing()).toMatchObject([{ remaining: 4 }]));
    });

    test('debt is never more than the overrun of one request', async () => {
      const all = await gateways(3);
      const demand = newTenant({ tokensPerMinute: 6_000, tokensPerDay: 10_000, tokensPerMonth: 10_000 });
      const asked = Array.from({ length: 200 }, (_, index) => ({ one: demand(100), store: at(all, index) }));
      const verdicts = await Promise.all(asked.map(({ one, store }) => store.reserve(one)));
      const passed = asked.filter((_, index) => verdicts[index]?.granted);
      // What flows in while the test runs is a few tokens.
      expect(passed.length).toBeGreaterThanOrEqual(60);
      expect(passed.length).toBeLessThanOrEqual(63);
      const [last, ...others] = passed;
      for (const { one, store } of others) store.settle(one, Date.now(), 100);
      last?.store.settle(last.one, Date.now(), 5_100);
      await eventually(async () => {
        const reading = (await all[1]?.reserve(demand(100)))?.readings;
        expect(reading?.[0]?.waitMs).toBeGreaterThan(49_000);
        expect(reading?.[0]?.waitMs).toBeLessThanOrEqual(52_000);
        expect(reading?.[1]?.waitMs).toBeGreaterThan(0);
        expect(reading?.[2]?.resetMs).toBeGreaterThan(0);
      });
    });

    test('what a request did not use goes back for all gateways', async () => {
      const [one, two] = await gateways(2);
      const demand = newTenant({ tokensPerDay: 1_000 });
      const first = demand(1_000);
      const verdict = await one?.reserve(first);
      expect(await two?.reserve(demand(1))).toMatchObject({ granted: false });
      one?.settle(first, verdict?.at ?? 0, 10);
      await eventually(async () => expect(await two?.reserve(demand(1))).toMatchObject({ granted: true, readings: [{ remaining: 989 }] }));
    });

    test('killed and restarted without its data, no minute gets more than the limit, and gateways find back', async () => {
      const all = await gateways(3, Math.random);
      const demand = newTenant({ requestsPerMinute: 60 });
      const burst = (size: number) => Promise.all(Array.from({ length: size }, (_, index) => at(all, index).reserve(demand())));
      let admitted = granted(await burst(30));
      expect(admitted).toBe(30);
      await server.kill();
      admitted += granted(await burst(30));
      admitted += granted(await burst(200));
      expect(admitted).toBe(60);
      await server.run();
      await eventually(async () => {
        admitted += granted(await burst(3));
        expect(all.every(({ shared }) => shared)).toBe(true);
      });
      admitted += granted(await burst(200));
      expect(admitted).toBe(60);
    });

    test('while it is gone each limit does what its policy says', async () => {
      const all = await gateways(3);
      const shared = newTenant({ requestsPerMinute: 30 });
      const strict = newTenant({ requestsPerMinute: 30 }, { requestsPerMinute: 'Refuse' });
      const quota = newTenant({ tokensPerDay: 30 });
      await server.kill();
      await eventually(() => expect(all.some((store) => store.shared)).toBe(false));
      const verdicts = await Promise.all(Array.from({ length: 200 }, (_, index) => at(all, index).reserve(shared())));
      expect(granted(verdicts)).toBe(30);
      for (const refused of [strict, quota]) expect(() => all[0]?.reserve(refused())).toThrow('cannot tell now how much');
      await server.run();
    });

    test('what was used while it was gone is counted when it is back', async () => {
      const [store] = await gateways(1);
      const demand = newTenant({ tokensPerDay: 1_000 }, { tokensPerDay: 'LocalShare' });
      await server.kill();
      await eventually(() => expect(store?.shared).toBe(false));
      const alone = demand(600);
      const verdict = await store?.reserve(alone);
      store?.settle(alone, verdict?.at ?? 0, 400);
      await server.run();
      const other = newTenant({ requestsPerMinute: 1_000 });
      await eventually(async () => {
        await store?.reserve(other());
        expect(store?.shared).toBe(true);
      });
      const [late] = await gateways(1);
      await eventually(async () => expect((await late?.reserve(demand(1_000)))?.readings).toMatchObject([{ remaining: 600 }]));
    });
  });
}
