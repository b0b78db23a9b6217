import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ServerTime } from './server-time.ts';

const local = Date.UTC(2026, 0, 1);

test('is never ahead of the server, and behind by the fastest answer of late', () => {
  const answers = fc.array(fc.record({ gapMs: fc.nat(5_000), wayMs: fc.nat(200) }), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(answers, fc.integer({ min: -1e9, max: 1e9 }), (list, offset) => {
      const time = new ServerTime();
      let now = local;
      for (const { gapMs, wayMs } of list) {
        now += gapMs;
        time.note(now - wayMs + offset, now);
        const told = time.read(now) ?? Number.NaN;
        expect(told).toBeLessThanOrEqual(now + offset);
        expect(told).toBeGreaterThanOrEqual(now + offset - wayMs);
      }
    }),
  );
});

test('follows a clock that was set back, and claims nothing after a silence', () => {
  const time = new ServerTime();
  expect(time.read(local)).toBeUndefined();
  time.note(local + 5_000, local);
  for (let second = 1; second <= 21; second += 1) time.note(local + second * 1_000, local + second * 1_000);
  expect(time.read(local + 21_000)).toBe(local + 21_000);
  expect(time.read(local + 80_999)).toBe(local + 80_999);
  expect(time.read(local + 81_000)).toBeUndefined();
});
