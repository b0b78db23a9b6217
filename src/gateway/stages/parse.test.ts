import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HttpError } from '../../core/errors.ts';
import { parseBody, readCall } from './parse.ts';

const call = (text: string) => readCall(parseBody(Buffer.from(text)));

test('reads model, stream and the limit of tokens', () => {
  expect(call('{"model":"m"}')).toEqual({ model: 'm', stream: false, maxTokens: undefined });
  expect(call('{"stream":true,"max_tokens":7,"model":"a/b"}')).toEqual({ model: 'a/b', stream: true, maxTokens: 7 });
  expect(call('{"model":"m","max_tokens":7,"max_completion_tokens":9,"stream":null}').maxTokens).toBe(9);
});

test.each([
  ['{"model":7}', 'model'],
  ['{"model":""}', 'model'],
  [`{"model":"${'x'.repeat(513)}"}`, 'model'],
  ['{"model":"m","stream":"yes"}', 'stream'],
  ['{"model":"m","max_tokens":-1}', 'max_tokens'],
  ['{"model":"m","max_tokens":1.5}', 'max_tokens'],
  ['{"model":"m","max_completion_tokens":"9"}', 'max_completion_tokens'],
  ['[]', null],
  ['null', null],
  ['{"model":"m"', null],
])('refuses %s and names the field', (text, param) => {
  expect(() => call(text)).toThrow(expect.objectContaining({ status: 400, param }));
});

test('refuses what is not UTF-8', () => expect(() => parseBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))).toThrow(/not UTF-8/));

test('an error repeats nothing of the body', () => expect(() => call('{"secret prompt')).toThrow(/^(?!.*secret).*$/));

test('survives deep nesting', () => {
  expect(call(`{"model":"m","x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`).model).toBe('m');
});

test.each([
  ['objects', `[${'{},'.repeat(250_000)}{}]`],
  ['brackets that do not end', '['.repeat(250_000)],
  ['fields', `{${Array.from({ length: 250_000 }, (_, index) => `"${index}":0`).join()}}`],
])('refuses a request of too many %s before it is parsed', (_, x) => {
  expect(() => call(`{"model":"m","x":${x}}`)).toThrow('more than 250000 objects, arrays and texts');
});

test('any bytes are a call or a 400', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map(Buffer.from),
        fc.jsonValue().map((x) => Buffer.from(JSON.stringify({ model: x }))),
      ),
      (bytes) => {
        try {
          expect(typeof readCall(parseBody(Buffer.from(bytes))).model).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(HttpError);
          expect(error).toMatchObject({ status: 400 });
        }
      },
    ),
  );
});
