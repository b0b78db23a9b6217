import { expect, test } from 'vitest';
import { added, inTurns, median, ratio } from './rounds.ts';

test('a machine that becomes slower steadily favours nobody', async () => {
  let slowness = 0;
  const samples = await inTurns(['a', 'b', 'c'], 4, async () => {
    slowness += 1;
    return slowness;
  });
  expect(samples.get('a')).toEqual([1, 6, 7, 12]);
  expect(median(samples.get('a') ?? [])).toBe(median(samples.get('b') ?? []));
  expect(median(samples.get('c') ?? [])).toBe(median(samples.get('b') ?? []));
});

test('the median of an odd number of samples is one of them', () => {
  expect(median([9, 1, 2])).toBe(2);
  expect(median([])).toBeNaN();
});

test('a round in which something could not be measured does not count for it', () => {
  expect(median([3, Number.NaN, 1])).toBe(2);
  expect(ratio([Number.NaN, 30, 50], [1, 10, 10])).toBe(4);
});

test('a ratio compares what was measured in the same round', () => {
  expect(ratio([20, 200, 2_000], [10, 100, 1_000])).toBe(2);
});

test('an added quantile is that of the same round too', () => {
  expect(
    added(
      0.5,
      [
        [3, 4, 5],
        [30, 40, 50],
      ],
      [
        [1, 2, 3],
        [37, 38, 39],
      ],
    ),
  ).toBe(2);
});
