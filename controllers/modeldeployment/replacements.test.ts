import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { needsReplacement, Replacements } from './replacements.ts';
import type { Replica } from './replica.ts';
import { agent, failed, loaded, replica, t0 } from './testing/makers.fake.ts';

const key = 'models/qwen';
const evicted = (fields: Partial<Replica> = {}) => failed('Evicted', { finished: true, running: false, ...fields });
const stalled = (fields: Partial<Replica> = {}) => replica({ phase: 'Stalled', agent: agent(), ...fields });

let clock: FakeClock;
let replacements: Replacements;

beforeEach(() => {
  clock = new FakeClock(t0);
  replacements = new Replacements(clock);
});

/** Lets these break, and answers how long they wait. */
function wait(...replicas: readonly Replica[]): number {
  replacements.note(key, 'v1', replicas);
  return replacements.waitMs(key);
}

test.each([
  ['has ended for good', evicted(), true],
  ['is on a node that is gone', loaded({ lost: true }), true],
  ['stopped getting on while its worker ran', stalled(), true],
  ['waits for a node or an image', replica({ phase: 'Stalled' }), false],
  ['crashed: the kubelet starts it again', failed('EngineCrashed'), false],
  ['is on its way out', evicted({ leaving: true }), false],
  ['loads', replica(), false],
])('a replica that %s', (_, one, expected) => expect(needsReplacement(one)).toBe(expected));

test('replacements wait longer each time, five minutes at last', async () => {
  const waits: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    waits.push(wait(evicted()));
    await clock.advance(waits.at(-1) ?? 0);
  }
  expect(waits).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
});

test('one replica is counted once', async () => {
  const broken = evicted();
  wait(broken);
  await clock.advance(4_000);
  expect(wait(broken)).toBe(6_000);
  await clock.advance(6_000);
  expect(wait(broken)).toBe(0);
});

test('what breaks during the delay is replaced after it too', async () => {
  wait(evicted(), evicted(), evicted());
  await clock.advance(4_000);
  expect(wait(evicted())).toBe(6_000);
});

test('a replica that has loaded since ends the delays', async () => {
  wait(evicted());
  await clock.advance(10_000);
  expect(wait(loaded())).toBe(0);
  expect(wait(evicted())).toBe(10_000);
});

test('a replica that was loaded all the while proves nothing about the next', async () => {
  const steady = loaded();
  const waits: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    waits.push(wait(steady, evicted()));
    await clock.advance(waits.at(-1) ?? 0);
  }
  expect(waits).toEqual([10_000, 20_000, 40_000]);
});

test('another revision begins anew', () => {
  wait(evicted());
  replacements.note(key, 'v2', [evicted()]);
  expect(replacements.waitMs(key)).toBe(0);
  replacements.note(key, 'v2', [evicted({ revision: 'v2' })]);
  expect(replacements.waitMs(key)).toBe(10_000);
});
