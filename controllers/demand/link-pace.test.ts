import { expect, test } from 'vitest';
import { pauseMs } from './link-pace.ts';

test('pauses double from a quarter of a second to five, and are spread', () => {
  const longest = (failures: number) => pauseMs(failures, () => 1);
  expect([1, 2, 3, 4, 5, 6, 7, 50].map(longest)).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
  expect(pauseMs(3, () => 0)).toBe(500);
});
