import { expect, test } from 'vitest';
import { estimateTokens, expectTokens } from './tokens.ts';

test.each([
  ['a quarter of the bytes and a usual answer', 400, undefined, undefined, 100 + 256],
  ['what the request asks for', 401, 50, undefined, 101 + 50],
  ['nothing for an answer that is to be empty', 8, 0, undefined, 2],
  ['what the deployment allows when the request says nothing', 0, undefined, 512, 512],
  ['no more than the deployment allows', 0, 4_000, 512, 512],
  ['less than the deployment allows when that is enough', 0, 40, 512, 40],
  ['never a number that outweighs all others', 0, Number.MAX_SAFE_INTEGER, undefined, 1_000_000],
])('is %s', (_, bytes, maxTokens, cap, tokens) => expect(estimateTokens(bytes, maxTokens, cap)).toBe(tokens));

test.each([
  ['what a request asks for is reserved in full, however short answers usually are', 500, undefined, 40, 500, 40],
  ['without that what they usually are', undefined, undefined, 40, 40, 40],
  ['within the cap', undefined, 30, 40, 30, 30],
  ['below a cap that they do not reach', undefined, 4_096, 40, 40, 40],
  ['a short answer is expected to be no longer than it may', 20, 4_096, 40, 20, 20],
])('%s', (_, maxTokens, cap, usually, reserved, expected) => {
  expect(estimateTokens(4, maxTokens, cap, usually)).toBe(1 + reserved);
  expect(expectTokens(4, maxTokens, cap, usually)).toBe(1 + expected);
});
