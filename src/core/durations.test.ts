import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './durations.ts';

test.each([
  ['0', 0],
  ['300ms', 300],
  ['30s', 30_000],
  ['1h30m', 5_400_000],
  ['2.5s', 2_500],
])('reads %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each(['', '5', '-5s', '5 s', '1d', 's'])('refuses %j and says what a duration looks like', (text) =>
  expect(() => parseDuration(text)).toThrow(/is not a duration such as/),
);

test.each([
  [45_000, '45s'],
  [190_000, '3m10s'],
  [180_000, '3m'],
  [7_500_000, '2h5m'],
  [7_200_000, '2h'],
])('writes %d ms as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
