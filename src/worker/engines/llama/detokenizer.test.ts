import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StreamDetokenizer } from './detokenizer.ts';

const decoder = new TextDecoder();
/** A tokenizer whose tokens are pieces of UTF-8, cut anywhere. */
const detokenize = (tokens: readonly Uint8Array[]) => decoder.decode(Buffer.concat(tokens));

function stream(pieces: readonly Uint8Array[]): { texts: string[]; tokens: number } {
  const detokenizer = new StreamDetokenizer<Uint8Array>(detokenize, []);
  const results = [...pieces.map((piece) => detokenizer.push(piece)), detokenizer.flush()];
  return { texts: results.map((result) => result.text), tokens: results.reduce((sum, result) => sum + result.tokens, 0) };
}

test('never sends half a character', () => {
  const bytes = Buffer.from('a🙂b');
  expect(stream([...bytes].map((byte) => Uint8Array.of(byte))).texts.filter((text) => text !== '')).toEqual(['a', '🙂', 'b']);
});

test('an answer that ends inside a character shows the replacement character', () => {
  expect(stream([Buffer.from('é').subarray(0, 1)]).texts.join('')).toBe('\uFFFD');
});

test('wherever characters are cut, the whole text and every token arrive', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 0x10ffff }), { maxLength: 20 }), (characters) => {
      const clean = String.fromCodePoint(...characters)
        .toWellFormed()
        .replaceAll('\uFFFD', '?');
      const bytes = [...Buffer.from(clean)].map((byte) => Uint8Array.of(byte));
      const { texts, tokens } = stream(bytes);
      expect(texts.join('')).toBe(clean);
      expect(tokens).toBe(bytes.length);
    }),
  );
});
