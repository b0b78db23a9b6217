import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DelayHeap } from './delay-heap.ts';

test('gives each key once, at its earliest time, in order', () => {
  const pushes = fc.array(fc.record({ key: fc.constantFrom(...'abcdefgh'), due: fc.nat(50) }));
  fc.assert(
    fc.property(pushes, fc.nat(60), (entries, now) => {
      const heap = new DelayHeap();
      const earliest = new Map<string, number>();
      for (const { key, due } of entries) {
        heap.push(key, due);
        earliest.set(key, Math.min(due, earliest.get(key) ?? Number.POSITIVE_INFINITY));
      }
      expect(heap.size).toBe(earliest.size);
      const popped: string[] = [];
      for (let key = heap.pop(now); key !== undefined; key = heap.pop(now)) popped.push(key);
      const dueBy = [...earliest].filter(([, due]) => due <= now);
      expect(popped.toSorted()).toEqual(dueBy.map(([key]) => key).toSorted());
      expect(popped.map((key) => earliest.get(key))).toEqual(dueBy.map(([, due]) => due).toSorted((a, b) => a - b));
    }),
  );
});
