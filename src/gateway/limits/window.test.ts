import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlidingWindow } from './window.ts';

const start = Date.UTC(2026, 0, 1);
const steps = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 300 });

test('no 60 seconds hold more than the limit, whenever requests come', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (gaps, limit) => {
      const window = new SlidingWindow();
      const admitted: number[] = [];
      let now = start;
      for (const gap of gaps) {
        now += gap;
        if (window.count(now) >= limit) continue;
        window.add(now);
        admitted.push(now);
      }
      for (const first of admitted) expect(admitted.filter((at) => at >= first && at < first + 60_000).length).toBeLessThanOrEqual(limit);
    }),
  );
});

test('a refused request passes after the wait it was told, and not one millisecond sooner', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (gaps, limit) => {
      const window = new SlidingWindow();
      let now = start;
      for (const gap of gaps) {
        now += gap;
        const waitMs = window.waitMs(limit, now);
        if (waitMs > 0) {
          expect(window.count(now + waitMs - 1)).toBeGreaterThanOrEqual(limit);
          now += waitMs;
        }
        expect(window.count(now)).toBeLessThan(limit);
        window.add(now);
      }
    }),
  );
});

test('it is empty after the time it tells, and not one millisecond sooner', () => {
  fc.assert(
    fc.property(steps, (gaps) => {
      const window = new SlidingWindow();
      let now = start;
      expect(window.emptyMs(now)).toBe(0);
      for (const gap of gaps) {
        now += gap;
        window.add(now);
      }
      now += gaps[0] ?? 0;
      expect(window.emptyMs(now)).toBe(window.waitMs(1, now));
      const emptyAt = now + window.emptyMs(now);
      expect(window.count(emptyAt - 1)).toBeGreaterThan(0);
      expect(window.count(emptyAt)).toBe(0);
      expect(window.emptyMs(emptyAt)).toBe(0);
    }),
  );
});

test('a clock that goes back opens nothing', () => {
  const window = new SlidingWindow();
  window.add(start);
  window.add(start - 3_600_000);
  expect(window.count(start)).toBe(2);
  expect(window.count(start + 61_000)).toBe(0);
});

test('what is taken back counts no more, and what has passed changes nothing', () => {
  const window = new SlidingWindow();
  window.add(start);
  window.add(start + 2_000);
  window.remove(start);
  window.remove(start);
  expect(window.count(start + 2_000)).toBe(1);
  expect(window.waitMs(1, start + 2_000)).toBe(61_000);
  window.count(start + 90_000);
  window.remove(start + 2_000);
  expect(window.count(start + 90_000)).toBe(0);
});
