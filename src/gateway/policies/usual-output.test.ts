import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UsualOutput } from './usual-output.ts';

function learned(...answers: readonly number[]): number | undefined {
  const usual = new UsualOutput();
  for (const tokens of answers) usual.note(tokens);
  return usual.tokens;
}

const times = (count: number, tokens: number) => Array.from({ length: count }, () => tokens);

test('nothing is known before the twentieth answer, and answers without tokens do not count', () => {
  expect(learned(...times(19, 100), ...times(50, 0))).toBeUndefined();
  expect(learned(...times(20, 64))).toBe(64);
});

test('of answers that differ it is what nine of ten do not exceed, a fifth more at most', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 20, maxLength: 60 }), (answers) => {
      const sorted = [...answers].sort((a, b) => a - b);
      const [low = 0, high = 0] = [0.8, 1].map((share) => sorted[Math.ceil(share * sorted.length) - 1]);
      const tokens = learned(...answers) ?? 0;
      // Newer answers weigh a little more: with 60 of them nine of ten may be eight of ten of all.
      expect(tokens).toBeGreaterThanOrEqual(low);
      expect(tokens).toBeLessThanOrEqual(Math.ceil(high * 2 ** 0.25));
    }),
  );
});

test('what has changed is learned within a few hundred answers', () => {
  expect(learned(...times(5_000, 1_000), ...times(500, 10))).toBeLessThan(13);
  expect(learned(...times(5_000, 10), ...times(60, 1_000))).toBeGreaterThan(999);
});

test('hours of answers, and one longer than any, leave the numbers sound', () => {
  expect(learned(...times(60_000, 100))).toBe(108);
  expect(learned(...times(30, 10_000_000))).toBe(1_048_576);
});
