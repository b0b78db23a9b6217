import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerReader } from './answer-reader.ts';

type Read = { readonly status: number; readonly body: string };

function readInParts(wire: string, cuts: readonly number[]): Read[] {
  const read: Read[] = [];
  let body = '';
  const reader = new AnswerReader((bytes) => {
    body += bytes.toString('latin1');
  });
  const bounds = [0, ...cuts.map((cut) => cut % (wire.length + 1)).toSorted((a, b) => a - b), wire.length];
  for (const [index, from] of bounds.slice(0, -1).entries()) {
    if (!reader.take(Buffer.from(wire.slice(from, bounds[index + 1]), 'latin1'))) continue;
    read.push({ status: reader.status, body });
    body = '';
  }
  return read;
}

const whole = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nx: y\r\n\r\n${body}`;
const chunked = (parts: readonly string[]) =>
  `HTTP/1.1 429 Too Many Requests\r\ntransfer-encoding: chunked\r\n\r\n${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`;

const text = fc.string({ minLength: 1, maxLength: 30, unit: fc.constantFrom('a', '\r', '\n', ' ') });
const cuts = fc.array(fc.nat({ max: 1_000 }), { maxLength: 8 });

test('reads a body with a length, however the connection cuts it', () => {
  fc.assert(
    fc.property(text, cuts, (body, at) => {
      expect(readInParts(whole(body), at)).toEqual([{ status: 200, body }]);
    }),
  );
});

test('reads a body in chunks, however the connection cuts it', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), cuts, (parts, at) => {
      expect(readInParts(chunked(parts), at)).toEqual([{ status: 429, body: parts.join('') }]);
    }),
  );
});

test('reads one answer after the other', () => {
  const first = whole('one');
  expect(readInParts(first + chunked(['two', '!']), [first.length])).toEqual([
    { status: 200, body: 'one' },
    { status: 429, body: 'two!' },
  ]);
});

test('refuses what cannot be measured: an answer that ends with its connection', () => {
  expect(() => readInParts('HTTP/1.1 200 OK\r\n\r\n', [])).toThrow('ends with its connection');
});
