import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gatesOf } from './gate.ts';
import { Owed } from './owed.ts';
import type { Settlement } from './shared-counters.ts';

const dayMs = 86_400_000;
const newYear = Date.UTC(2026, 0, 1);

function settlement(tenant: number, change: number, days = 0): Settlement {
  const gates = gatesOf(`t${tenant}`, 'tenant', '', { tokensPerDay: 1_000 });
  return { demand: { gates, tokens: 0 }, takenAt: newYear + days * dayMs, change };
}

test('owes each tenant’s day what was added, however much was added and however it is taken', () => {
  const step = fc.record({ tenant: fc.nat(3), change: fc.integer({ min: -500, max: 500 }), days: fc.nat(2), take: fc.option(fc.nat(5)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const owed = new Owed(10);
      const left = new Map<string, number>();
      const count = ({ demand, takenAt, change }: Settlement, sign: number) => {
        const key = `${demand.gates[0]?.key} ${takenAt}`;
        left.set(key, (left.get(key) ?? 0) + sign * change);
      };
      for (const { tenant, change, days, take } of steps) {
        const one = settlement(tenant, change, days);
        owed.add(one);
        count(one, 1);
        expect(owed.size).toBeLessThanOrEqual(10 + 4 * 3);
        const taken = take === null ? [] : owed.take(take);
        expect(taken.length).toBeLessThanOrEqual(take ?? 0);
        for (const each of taken) count(each, -1);
      }
      for (const each of owed.take(1_000)) count(each, -1);
      expect(owed.size).toBe(0);
      expect([...left.values()].filter((sum) => sum !== 0)).toEqual([]);
    }),
  );
});

test('keeps the first ones with their leases', () => {
  const owed = new Owed(2);
  for (let index = 0; index < 5; index += 1) owed.add(settlement(1, index));
  expect(owed.take(9).map(({ change }) => change)).toEqual([0, 1, 2 + 3 + 4]);
});
