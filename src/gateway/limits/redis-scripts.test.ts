import fc from 'fast-check';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { type Script, script } from '../redis/script.ts';
import { RedisServer, storePrograms } from '../testing/redis-server.fake.ts';
import { day, month } from './calendar.ts';
import { type Gate, gatesOf } from './gate.ts';
import { MemoryStore } from './memory-store.ts';
import { readScript, reserveScript, settleScript } from './redis-scripts.ts';

// The scripts with a clock that the test sets, beside the same counters in memory.

const timeKey = 'time';
const timed = ({ lua }: Script) => script(lua.replace("redis.call('TIME')", `redis.call('HMGET', '${timeKey}', 's', 'us')`));

const gap = fc.oneof(
  { weight: 6, arbitrary: fc.nat(3_000) },
  { weight: 2, arbitrary: fc.nat(90_000) },
  { weight: 2, arbitrary: fc.integer({ min: 58_000, max: 63_000 }) }, // where places come back
  { weight: 1, arbitrary: fc.nat(40 * 86_400_000) },
);
type Step = { readonly gapMs: number; readonly tokens: number; readonly cost: number | null; readonly late: boolean };
const step: fc.Arbitrary<Step> = fc.record({ gapMs: gap, tokens: fc.nat(400), cost: fc.option(fc.nat(800)), late: fc.boolean() });
const run = fc.record({
  startAt: fc.date({ min: new Date('2024-02-27T00:00:00Z'), max: new Date('2032-12-31T23:59:59Z'), noInvalidDate: true }),
  steps: fc.array(step, { minLength: 1, maxLength: 40 }),
});

for (const { program, missing, title } of storePrograms) {
  describe.skipIf(missing !== undefined)(`the scripts in ${title}`, () => {
    test('decide, count and tell what the counters in memory do, through minutes, days and months', { timeout: 60_000 }, async () => {
      await using server = await RedisServer.start({ program });
      const redis = new Redis(server.url);
      const call = async ({ lua }: Script, keys: readonly string[], args: readonly (string | number)[]) =>
        ((await redis.eval(lua, keys.length, ...keys, ...args)) as (string | number)[]).map(Number);
      const [reserve, settle, read] = [timed(reserveScript), timed(settleScript), timed(readScript)];
      let tenants = 0;

      const check = async ({ startAt, steps }: { startAt: Date; steps: readonly Step[] }) => {
        const clock = new FakeClock(startAt.getTime());
        const memory = new MemoryStore(clock, () => 1);
        const rates = { requestsPerMinute: 8, tokensPerMinute: 1_000, tokensPerDay: 3_000, tokensPerMonth: 5_000 };
        const gates = gatesOf(`tenant-${++tenants}`, 'tenant', '', rates);
        const keys = gates.map(({ key }) => key);
        const args = gates.flatMap(({ name, limit }) => [name, limit]);
        const ended: { takenAt: number; tokens: number; cost: number }[] = [];
        for (const { gapMs, tokens, cost, late } of steps) {
          await clock.advance(gapMs);
          const now = clock.now();
          await redis.hset(timeKey, { s: Math.floor(now / 1_000), us: (now % 1_000) * 1_000 });
          if (late) {
            expect((await call(reserve, keys, [tokens, 'late', 60_000, now - 1, ...args]))[0]).toBe(-1);
            expect((await call(settle, keys, [tokens, 'late', now, now - 1, ...args]))[0]).toBe(-1);
          }
          const demand = { gates, tokens };
          const verdict = memory.reserve(demand);
          const told = await call(reserve, keys, [tokens, 'one', 60_000, now, ...args]);
          expect(told.slice(0, 2)).toEqual([verdict.granted ? 1 : 0, now]);
          for (const [index, { gate, remaining, waitMs, resetMs }] of verdict.readings.entries()) {
            const [left = 0, reset = 0, wait = 0] = told.slice(2 + index * 3);
            expect(Math.abs(left - remaining)).toBeLessThanOrEqual(1);
            expect(Math.abs(orEnd(wait, gate, now) - waitMs)).toBeLessThanOrEqual(1);
            const [seen = 0, seenReset = 0] = await call(read, [gate.key], [gate.name, gate.limit]);
            expect(seen).toBe(left);
            expect(Math.abs(orEnd(seenReset, gate, now) - resetMs)).toBeLessThanOrEqual(1);
            if (gate.name === 'requestsPerMinute' || gate.name === 'tokensPerMinute')
              expect(Math.abs(reset - resetMs)).toBeLessThanOrEqual(1);
          }
          if (verdict.granted && cost !== null) ended.push({ takenAt: now, tokens, cost });
          else {
            for (const one of ended.splice(0)) {
              memory.settle({ gates, tokens: one.tokens }, one.takenAt, one.cost);
              await call(settle, keys, [one.cost - one.tokens, 'one', one.takenAt, 0, ...args]);
            }
          }
        }
      };
      await fc.assert(fc.asyncProperty(run, check), { numRuns: 100, interruptAfterTimeLimit: 30_000 }).finally(() => redis.disconnect());
    });
  });
}

function orEnd(ms: number, { name }: Gate, now: number): number {
  if (ms >= 0) return ms;
  return (name === 'tokensPerDay' ? day : month).endOf(now) - now;
}
