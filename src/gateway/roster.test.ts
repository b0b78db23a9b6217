import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Roster } from './roster.ts';

test('has the members that a set would have, whoever comes and goes', () => {
  const commands = fc.array(fc.record({ who: fc.nat(9), leaves: fc.boolean() }), { maxLength: 100 });
  fc.assert(
    fc.property(commands, (steps) => {
      const people = Array.from({ length: 10 }, (_, name) => ({ name, slot: 0 }));
      const roster = new Roster<(typeof people)[number]>();
      const model = new Set<(typeof people)[number]>();
      for (const { who, leaves } of steps) {
        const one = people[who];
        if (!one || (!leaves && model.has(one))) continue; // nobody enrols twice
        if (leaves) roster.delete(one);
        else roster.add(one);
        if (leaves) model.delete(one);
        else model.add(one);
        expect(roster.size).toBe(model.size);
        expect(new Set(roster)).toEqual(model);
      }
    }),
  );
});

test('tells everybody who was in at the beginning, also when they leave meanwhile', () => {
  const roster = new Roster<{ slot: number; name: string }>();
  for (const name of ['a', 'b', 'c']) roster.add({ name, slot: 0 });
  const told: string[] = [];
  for (const one of roster) {
    told.push(one.name);
    roster.delete(one);
  }
  expect(told).toEqual(['a', 'b', 'c']);
  expect(roster.size).toBe(0);
});
