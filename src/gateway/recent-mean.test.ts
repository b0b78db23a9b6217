import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentMean } from './recent-mean.ts';

const start = 1_000_000_000_000;

test('is the mean of what was noted in the last half minute', () => {
  const mean = new RecentMean();
  expect(mean.read(start)).toBeUndefined();
  mean.note(100, start);
  mean.note(300, start + 1_000);
  expect(mean.read(start + 1_000)).toEqual({ mean: 200, count: 2 });
  mean.note(500, start + 20_000);
  expect(mean.read(start + 24_999)).toEqual({ mean: 300, count: 3 });
  expect(mean.read(start + 30_000)).toEqual({ mean: 500, count: 1 });
  expect(mean.read(start + 50_000)).toBeUndefined();
  mean.note(7, start + 3_600_000);
  expect(mean.read(start + 3_600_000)).toEqual({ mean: 7, count: 1 });
});

test('a clock that goes back loses nothing', () => {
  const mean = new RecentMean();
  mean.note(100, start);
  mean.note(300, start - 60_000);
  expect(mean.read(start)).toEqual({ mean: 200, count: 2 });
});

test('whenever it is asked: all of the last 25 s is in it, and nothing older than 30 s', () => {
  const steps = fc.array(fc.record({ afterMs: fc.nat(9_000), value: fc.nat(1_000) }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.nat(40_000), (notes, laterMs) => {
      const mean = new RecentMean();
      let now = start;
      const noted = notes.map(({ afterMs, value }) => {
        now += afterMs;
        mean.note(value, now);
        return { at: now, value };
      });
      now += laterMs;
      const count = mean.read(now)?.count ?? 0;
      expect(count).toBeGreaterThanOrEqual(noted.filter(({ at }) => now - at <= 25_000).length);
      expect(count).toBeLessThanOrEqual(noted.filter(({ at }) => now - at < 30_000).length);
      const counted = noted.slice(noted.length - count);
      const sum = counted.reduce((total, { value }) => total + value, 0);
      expect((mean.read(now)?.mean ?? 0) * count).toBeCloseTo(sum, 6);
    }),
  );
});
