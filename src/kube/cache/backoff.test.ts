import { expect, test } from 'vitest';
import { ReflectorBackoff } from './backoff.ts';

test('waits 0.8 s, doubling to 10 s at most, with up to as much again by chance', () => {
  const low = new ReflectorBackoff(() => 0);
  expect(Array.from({ length: 8 }, (_, index) => low.next(index))).toEqual([800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000, 5_000]);
  const high = new ReflectorBackoff(() => 0.999_999);
  const waits = Array.from({ length: 8 }, (_, index) => high.next(index));
  expect(Math.round(waits[0] ?? 0)).toBe(1_600);
  expect(Math.max(...waits)).toBeLessThanOrEqual(10_000);
});

test('begins anew after two quiet minutes', () => {
  const backoff = new ReflectorBackoff(() => 0);
  for (let i = 0; i < 5; i++) backoff.next(0);
  expect(backoff.next(120_001)).toBe(800);
});
