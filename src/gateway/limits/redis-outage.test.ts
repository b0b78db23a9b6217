import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { Rates } from '../../api/tenant-limits.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { RedisServer, storePrograms } from '../testing/redis-server.fake.ts';
import { gatesOf, type OutagePolicies } from './gate.ts';
import { RedisStore } from './redis-store.ts';
import type { Demand, Verdict } from './store.ts';

// A server that hangs: it accepts connections and reads nothing, until it goes on with all that it was asked meanwhile.

const localShare: OutagePolicies = { requestsPerMinute: 'LocalShare', tokensPerDay: 'LocalShare' };

for (const { program, missing, title } of storePrograms) {
  describe.skipIf(missing !== undefined)(`limits in a store that hangs: ${title}`, () => {
    const stores: RedisStore[] = [];

    afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));

    async function open(url: string, randoms: readonly number[], logger = silentLogger): Promise<RedisStore[]> {
      const opened = randoms.map(
        (random) => new RedisStore({ url, clock: systemClock, random: () => random, logger, gateways: () => randoms.length }),
      );
      stores.push(...opened);
      await eventually(() => expect(opened.every(({ shared }) => shared)).toBe(true));
      return opened;
    }

    function tenant(name: string, rates: Rates, onOutage = localShare): (tokens?: number) => Demand {
      const gates = gatesOf(name, 'tenant', '', rates, onOutage);
      return (tokens = 0) => ({ gates, tokens });
    }

    const at = <T>(list: readonly T[], index: number): T => list[index % list.length] ?? expect.unreachable();

    test('nobody waits for it longer than the bound, and once it is known nobody waits at all', async () => {
      await using server = await RedisServer.start({ program });
      const all = await open(server.url, [0, 0, 0]);
      const demand = tenant('a', { requestsPerMinute: 30 });
      const strict = tenant('a', { tokensPerMinute: 30 }, { tokensPerMinute: 'Refuse' });
      await all[0]?.reserve(strict(1));
      server.freeze();
      const startedAt = performance.now();
      const verdicts = await Promise.all(Array.from({ length: 200 }, (_, index) => at(all, index).reserve(demand())));
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      expect(verdicts.filter(({ granted }) => granted)).toHaveLength(30);
      for (const store of all) {
        expect(store.shared).toBe(false);
        expect(store.reserve(demand())).toMatchObject({ granted: false } satisfies Partial<Verdict>);
        expect(() => store.reserve(strict(1))).toThrow('cannot tell now how much');
      }
      await Promise.all(stores.splice(0).map((store) => store.close()));
    });

    test('what it was asked while it hung counts once, whether it goes on at once or after its connections were given up', async () => {
      await using server = await RedisServer.start({ program });
      const [store] = await open(server.url, [0]);
      if (!store) return expect.unreachable();
      for (const [round, patienceMs] of [0, 1_500].entries()) {
        const demand = tenant(`b${round}`, { tokensPerDay: 1_000 });
        const first = demand(600);
        const verdict = await store.reserve(first);
        server.freeze();
        const frozenAt = performance.now();
        store.settle(first, verdict.at, 100);
        const second = demand(100);
        const alone = await store.reserve(second);
        expect([alone.granted, store.shared]).toEqual([true, false]);
        store.settle(second, alone.at, 40);
        await eventually(() => expect(performance.now() - frozenAt).toBeGreaterThan(patienceMs));
        server.thaw();
        await eventually(() => expect(store.shared).toBe(true));
        await eventually(async () => expect(await store.standing()).toContainEqual(expect.objectContaining({ remaining: 860 })));
        const [other] = await open(server.url, [0]);
        expect((await other?.reserve(demand(860)))?.granted).toBe(true);
      }
    });

    test('gateways come back at times of their own, and pay what they owe some at a time', async () => {
      await using server = await RedisServer.start({ program });
      const backAt: number[] = [];
      const logger = pino({}, { write: (line: string) => void (line.includes('is back') && backAt.push(performance.now())) });
      const all = await open(server.url, [0, 0.5, 1], logger);
      const demand = tenant('c', { tokensPerDay: 1_000_000 });
      await Promise.all(all.map((store) => store.reserve(demand())));
      server.freeze();
      const ended = Array.from({ length: 3_000 }, (_, index) => ({ store: at(all, index), one: demand(1) }));
      const verdicts = await Promise.all(ended.map(({ store, one }) => store.reserve(one)));
      for (const [index, { store, one }] of ended.entries()) store.settle(one, verdicts[index]?.at ?? 0, 10);
      server.thaw();
      await eventually(() => expect(backAt).toHaveLength(3));
      const [first = 0, , last = 0] = backAt;
      expect(last - first).toBeGreaterThan(300);
      await eventually(async () => expect(await all[0]?.standing()).toMatchObject([{ remaining: 970_000 }]));
    });
  });
}
