import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bucket } from './bucket.ts';

const start = Date.UTC(2026, 0, 1);
const limit = fc.integer({ min: 1, max: 1_000_000 });
const calls = fc.array(fc.record({ gapMs: fc.nat(30_000), asked: fc.nat(50_000), share: fc.double({ min: 0, max: 2, noNaN: true }) }), {
  maxLength: 200,
});

test('over any time nothing more is let through than the limit, its refill and one request', () => {
  fc.assert(
    fc.property(limit, calls, (perMinute, list) => {
      const bucket = new Bucket(start);
      let now = start;
      let used = 0;
      let largest = 0;
      for (const { gapMs, asked, share } of list) {
        now += gapMs;
        if (!bucket.holds(asked, perMinute, now)) continue;
        const cost = Math.floor(asked * share);
        bucket.take(asked, perMinute, now);
        bucket.take(cost - asked, perMinute, now);
        used += cost;
        largest = Math.max(largest, cost);
      }
      expect(used).toBeLessThanOrEqual(perMinute + ((now - start) * perMinute) / 60_000 + largest + 1);
    }),
  );
});

test('debt is never more than what one request cost beyond its estimate', () => {
  fc.assert(
    fc.property(limit, calls, (perMinute, list) => {
      const bucket = new Bucket(start);
      let now = start;
      for (const { gapMs, asked, share } of list) {
        now += gapMs;
        if (!bucket.holds(asked, perMinute, now)) continue;
        const cost = Math.floor(asked * share);
        bucket.take(asked, perMinute, now);
        bucket.take(cost - asked, perMinute, now);
        const overrun = Math.max(cost, asked) - Math.min(asked, perMinute);
        expect(bucket.balance(perMinute, now)).toBeGreaterThanOrEqual(-overrun - 1e-6);
        expect(bucket.balance(perMinute, now)).toBeLessThanOrEqual(perMinute);
      }
    }),
  );
});

test('what was refused is let through after the wait that was told', () => {
  const bucket = new Bucket(start);
  bucket.take(900, 600, start);
  const waitMs = bucket.waitMs(100, 600, start);
  expect(waitMs).toBe(40_000);
  expect(bucket.holds(100, 600, start + waitMs - 1)).toBe(false);
  expect(bucket.holds(100, 600, start + waitMs)).toBe(true);
  expect(bucket.resetMs(600, start + waitMs)).toBe(50_000);
});

test('a request larger than the whole limit runs when the bucket is full, and then it is in debt', () => {
  const bucket = new Bucket(start);
  expect(bucket.holds(5_000, 1_000, start)).toBe(true);
  bucket.take(5_000, 1_000, start);
  expect(bucket.balance(1_000, start)).toBe(-4_000);
  expect(bucket.holds(1, 1_000, start + 239_000)).toBe(false);
});
