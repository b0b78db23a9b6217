import { expect, test } from 'vitest';
import type { Rates } from '../../api/tenant-limits.ts';
import { FakeClock } from '../../core/fake-clock.ts';
import { gatesOf } from './gate.ts';
import { MemoryStore } from './memory-store.ts';
import type { Demand } from './store.ts';

const newYear = Date.UTC(2026, 0, 1);

function demand(rates: Rates, tokens = 0, keyRates: Rates = {}): Demand {
  const gates = [...gatesOf('acme', 'tenant', '', rates), ...gatesOf('acme', 'key', 'ci', keyRates)];
  return { gates, tokens };
}

test('when one limit refuses, the others have not counted the request', () => {
  const store = new MemoryStore(new FakeClock(), () => 1);
  const both = demand({ requestsPerMinute: 10 }, 0, { concurrency: 1 });
  expect(store.reserve(both)).toMatchObject({ granted: true, readings: [{ remaining: 9 }, { remaining: 0 }] });
  for (let more = 0; more < 5; more += 1) {
    expect(store.reserve(both)).toMatchObject({ granted: false, readings: [{ remaining: 9, waitMs: 0 }, { waitMs: 1_000 }] });
  }
  store.settle(both, newYear, 0);
  expect(store.reserve(both).granted).toBe(true);
});

test('what a request did not use is there at once, and what it used beyond its estimate is owed', () => {
  const store = new MemoryStore(new FakeClock(), () => 1);
  const ask = demand({ tokensPerMinute: 1_000, tokensPerDay: 2_000 }, 600);
  const first = store.reserve(ask);
  expect(first.readings).toMatchObject([{ remaining: 400 }, { remaining: 1_400 }]);
  expect(store.reserve(ask).granted).toBe(false);
  store.settle(ask, first.at, 100);
  const second = store.reserve(ask);
  expect(second.readings).toMatchObject([{ remaining: 300 }, { remaining: 1_300 }]);
  store.settle(ask, second.at, 1_800);
  expect(store.reserve(ask)).toMatchObject({ granted: false, readings: [{ remaining: 0, waitMs: 90_000 }, { remaining: 100 }] });
});

test('quotas begin anew with the day and the month of UTC, and late settlements belong to the old one', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 31, 23, 59));
  const store = new MemoryStore(clock, () => 1);
  const ask = demand({ tokensPerDay: 100, tokensPerMonth: 150 }, 100);
  const { at } = store.reserve(ask);
  expect(store.reserve(ask)).toMatchObject({ granted: false, readings: [{ waitMs: 60_000 }, { waitMs: 60_000 }] });
  await clock.advance(60_000);
  expect(store.reserve(ask)).toMatchObject({ granted: true, readings: [{ remaining: 0 }, { remaining: 50 }] });
  store.settle(ask, at, 0);
  expect(store.reserve(ask)).toMatchObject({ granted: false, readings: [{ remaining: 0 }, { remaining: 50, waitMs: 28 * 86_400_000 }] });
});

test('of several gateways each gives its part, at least 1', () => {
  const admitted = (limit: number, gateways: number) => {
    const store = new MemoryStore(new FakeClock(), () => gateways);
    return Array.from({ length: 50 }, () => store.reserve(demand({ requestsPerMinute: limit })).granted).filter(Boolean).length;
  };
  expect([admitted(10, 1), admitted(10, 3), admitted(2, 3)]).toEqual([10, 3, 1]);
});

test('forgets counters that are full again', async () => {
  const clock = new FakeClock();
  const store = new MemoryStore(clock, () => 1);
  for (let tenant = 0; tenant < 100; tenant += 1) {
    store.reserve({ gates: gatesOf(`t${tenant}`, 'tenant', '', { requestsPerMinute: 5, tokensPerMinute: 10 }), tokens: 5 });
  }
  expect(store.size).toBe(200);
  await clock.advance(3_600_000);
  store.reserve(demand({ requestsPerMinute: 1 }));
  expect(store.size).toBe(1);
});
