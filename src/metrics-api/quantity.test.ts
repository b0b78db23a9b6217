import { expect, test } from 'vitest';
import { formatQuantity } from './quantity.ts';

test.each([
  [0, '0'],
  [17, '17'],
  [1.5, '1500m'],
  [0.1, '100m'],
  [0.0004, '0'],
  [-2.25, '-2250m'],
  [1e20, '100000000000000000000'],
])('%d is the quantity %s', (value, text) => {
  expect(formatQuantity(value)).toBe(text);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('%d is no quantity', (value) => {
  expect(() => formatQuantity(value)).toThrow(RangeError);
});
