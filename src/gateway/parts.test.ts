import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Parts } from './parts.ts';

test('gives back what came, in order, however it was cut', () => {
  const sizes = fc.oneof(
    fc.constant(1),
    fc.integer({ min: 0, max: 200 }),
    fc.integer({ min: 4_090, max: 4_100 }),
    fc.integer({ min: 30_000, max: 70_000 }),
  );
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 200 }), fc.integer(), (cuts, seed) => {
      const parts = new Parts();
      const all = cuts.map((size, index) => Buffer.alloc(size, (seed + index) & 0xff));
      for (const part of all) parts.add(part);
      expect(parts.size).toBe(Buffer.concat(all).length);
      expect(parts.take().equals(Buffer.concat(all))).toBe(true);
      expect([parts.size, parts.take().length]).toEqual([0, 0]);
    }),
    { numRuns: 50 },
  );
});

test('one part is given back as it is, without a copy', () => {
  const part = Buffer.from('whole');
  const parts = new Parts();
  parts.add(part);
  expect(parts.take()).toBe(part);
});

test('a million parts of a byte take little more than a million bytes', () => {
  const parts = new Parts();
  const source = Buffer.alloc(1_048_576, 'x');
  const before = process.memoryUsage();
  for (let at = 0; at < source.length; at += 1) parts.add(source.subarray(at, at + 1));
  const after = process.memoryUsage();
  // As many buffers would be more than a hundred megabytes; some are garbage that nobody has collected yet.
  expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(64_000_000);
  expect(parts.take().equals(source)).toBe(true);
});
