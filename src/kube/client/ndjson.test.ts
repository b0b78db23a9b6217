import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NdjsonDecoder } from './ndjson.ts';

test('gives the same values however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.json()), fc.array(fc.nat()), (documents, cuts) => {
      const bytes = Buffer.from(documents.map((document) => `${document}\n`).join(''));
      const borders = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
      const decoder = new NdjsonDecoder();
      const values = borders.slice(1).flatMap((border, index) => decoder.push(bytes.subarray(borders[index], border)));
      expect(values).toEqual(documents.map((document) => JSON.parse(document)));
    }),
  );
});

test('a line without its end is no value', () => {
  expect(new NdjsonDecoder().push(Buffer.from('{"a":1}\n{"b":'))).toEqual([{ a: 1 }]);
});

test('refuses a line that never ends', () => {
  const decoder = new NdjsonDecoder(8);
  decoder.push(Buffer.from('12345'));
  expect(() => decoder.push(Buffer.from('67890'))).toThrow(RangeError);
});

test('refuses a line that is not JSON', () => {
  expect(() => new NdjsonDecoder().push(Buffer.from('<html>\n'))).toThrow(SyntaxError);
});
