import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLight } from './weight.ts';

/** How many objects, arrays and texts a value has, names of fields included. */
function weightOf(value: unknown): number {
  if (typeof value === 'string') return 1;
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + weightOf(item), 1);
  return Object.values(value).reduce((sum: number, item) => sum + 1 + weightOf(item), 1);
}

test('counts what a parser would make, whatever the texts hold', () => {
  const text = fc.string({ unit: fc.constantFrom('"', '\\', '{', '[', 'a', 'é', '😀'), maxLength: 60 });
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(text, tie('value'), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(value, (json) => {
      const body = Buffer.from(JSON.stringify(json));
      const weight = weightOf(json);
      expect(isLight(body, weight)).toBe(true);
      if (weight > 0) expect(isLight(body, weight - 1)).toBe(false);
    }),
  );
});

test.each([
  ['a text that does not end', `["${'x'.repeat(100)}`],
  ['a text that ends in a backslash', `["${'x'.repeat(100)}\\`],
  ['an empty text and one behind it', '["","'],
])('comes to an end on %s', (_, text) => expect(isLight(Buffer.from(text), 3)).toBe(true));
