import { expect, test } from 'vitest';
import { LineTail } from './line-tail.ts';

function tailOf(...lines: readonly string[]): LineTail {
  const tail = new LineTail();
  for (const line of lines) tail.add(line);
  return tail;
}

test('the last words are the last three lines, without empty ones', () =>
  expect(tailOf('a', 'b', ' c ', '', 'd').last()).toBe('b | c | d'));

test('a cause that was named earlier is told before them', () => {
  const tail = tailOf('allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory', 'a', 'b', 'failed to load model');
  expect(tail.reason).toBe('DeviceOutOfMemory');
  expect(tail.last()).toBe('allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory | … | a | b | failed to load model');
});

test('of two causes the weightier counts, whatever came last', () =>
  expect(tailOf('failed to allocate buffer for kv cache', 'cudaMalloc failed: out of memory').reason).toBe('KVCacheTooSmall'));

test('lines without a cause have no reason, and long ago is forgotten', () => {
  expect(tailOf('Segmentation fault').reason).toBeUndefined();
  expect(tailOf('CUDA out of memory', ...Array.from({ length: 40 }, (_, index) => `line ${index}`)).reason).toBeUndefined();
});
