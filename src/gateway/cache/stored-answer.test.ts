import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeAnswer, encodeAnswer } from './stored-answer.ts';

test('an answer comes back as it was, whatever its bytes', () => {
  const answer = fc.record({
    contentType: fc.string({ maxLength: 100 }),
    storedAt: fc.nat(),
    body: fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(answer, (one) => {
      expect(decodeAnswer(encodeAnswer(one))).toEqual(one);
    }),
  );
});

test('what is no answer, or one of another version, is none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
      expect(decodeAnswer(Buffer.from(bytes))).toBeUndefined();
    }),
  );
  for (const text of ['', '\n', '{}\nbody', 'null\n', '{"version":2,"contentType":"a","storedAt":1}\nbody', 'x'.repeat(5_000)])
    expect(decodeAnswer(Buffer.from(text))).toBeUndefined();
});
