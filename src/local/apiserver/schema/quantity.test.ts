import fc from 'fast-check';
import { expect, test } from 'vitest';
import { goRegExp } from './go-regexp.ts';
import { parseQuantity } from './quantity.ts';

test.each([
  ['1', 1_000_000_000n],
  ['1500m', 1_500_000_000n],
  ['0.5', 500_000_000n],
  ['2Ki', 2_048_000_000_000n],
  ['1e3', 1_000_000_000_000n],
  ['-1k', -1_000_000_000_000n],
  ['.5Gi', 536_870_912_000_000_000n],
  ['1n', 1n],
])('%s', (text, nano) => {
  expect(parseQuantity(text)).toBe(nano);
});

test.each(['', 'x', '1 Gi', '1GiB', '1.2.3', 'Gi', '1e', '1e999'])('%j is no quantity', (text) => {
  expect(parseQuantity(text)).toBeUndefined();
});

test('any number of milli-units is that many', () => {
  const numbers = fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n });
  fc.assert(
    fc.property(numbers, (n) => {
      expect(parseQuantity(`${n}m`)).toBe(n * 1_000_000n);
    }),
  );
});

test('Go patterns keep their meaning', () => {
  expect(goRegExp('(?i)^abc$').test('ABC')).toBe(true);
  expect(goRegExp('^[[:alpha:]]+$').test('abc1')).toBe(false);
  expect(goRegExp('\\Aa\\z').test('a')).toBe(true);
  expect(goRegExp('^(?P<name>a)\\_$').test('a_')).toBe(true);
});

test.each(['(?=a)', '(?<!a)b', '(a)\\1'])('RE2 does not know %s', (pattern) => {
  expect(() => goRegExp(pattern)).toThrow('invalid or unsupported Perl syntax');
});
