import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashText } from './hash.ts';
import { alone, rampedSlots, shareOfSlots, slowStartMs } from './slots.ts';

test('gateways share the slots of each replica: all of them together, each its part, and at least one', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 12 }), fc.string(), (slots, gateways, replica) => {
      const shares = Array.from({ length: gateways }, (_, rank) => shareOfSlots(slots, { rank, gateways }, hashText(replica)));
      expect(shares.reduce((sum, share) => sum + share)).toBe(Math.max(slots, gateways));
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    }),
  );
});

test('what cannot be divided goes to other gateways at other replicas', () => {
  const rank = { rank: 0, gateways: 3 };
  const shares = Array.from({ length: 300 }, (_, index) => shareOfSlots(8, rank, hashText(`replica ${index}`)));
  const mean = shares.reduce((sum, share) => sum + share) / shares.length;
  expect(Math.abs(mean - 8 / 3)).toBeLessThan(0.1);
  expect(shareOfSlots(8, alone, 5)).toBe(8);
});

test('a fresh replica begins with a quarter and has all of its slots after ten seconds', () => {
  expect([0, 5_000, slowStartMs, 1e9].map((ms) => rampedSlots(8, ms))).toEqual([2, 5, 8, 8]);
  expect(rampedSlots(1, 0)).toBe(1);
});
