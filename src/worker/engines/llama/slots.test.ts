import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseSlot, type Slot } from './slots.ts';

const slot = (id: number, cached: readonly number[], more: Partial<Slot> = {}): Slot => ({
  id,
  cached,
  busy: false,
  lastUsedAt: id,
  ...more,
});
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test('goes on with the conversation that the prompt continues', () => {
  const slots = [slot(0, range(500, 600)), slot(1, range(0, 40)), slot(2, [])];
  expect(chooseSlot(slots, range(0, 60))).toEqual({ id: 1, reuse: 40 });
});

test('does not push out a long conversation for a short common beginning', () => {
  const system = range(0, 20);
  const slots = [slot(0, [...system, ...range(1000, 2000)], { lastUsedAt: 9 }), slot(1, range(5000, 5010))];
  expect(chooseSlot(slots, [...system, ...range(3000, 3100)])?.id).toBe(1);
});

test('computes the last token again even when all of the prompt is cached', () => {
  expect(chooseSlot([slot(0, range(0, 30))], range(0, 30))).toEqual({ id: 0, reuse: 29 });
});

test('takes an empty slot before an old one, and none when all are busy', () => {
  expect(chooseSlot([slot(0, [7, 8, 9]), slot(1, [])], [1, 2])?.id).toBe(1);
  expect(chooseSlot([slot(0, [], { busy: true })], [1, 2])).toBeUndefined();
});

test('never chooses a busy slot and never reuses what differs', () => {
  const tokens = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 8 });
  const slots = fc.array(fc.record({ cached: tokens, busy: fc.boolean(), lastUsedAt: fc.nat(9) }), { maxLength: 5 });
  fc.assert(
    fc.property(slots, fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 8 }), (seen, prompt) => {
      const all = seen.map((one, id) => ({ id, ...one }));
      const choice = chooseSlot(all, prompt);
      const chosen = all.find((one) => one.id === choice?.id);
      expect(choice === undefined).toBe(all.every((one) => one.busy));
      if (!choice || !chosen) return;
      expect(chosen.busy).toBe(false);
      expect(choice.reuse).toBeLessThan(prompt.length);
      expect(chosen.cached.slice(0, choice.reuse)).toEqual(prompt.slice(0, choice.reuse));
    }),
  );
});
