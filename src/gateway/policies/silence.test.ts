import { expect, test } from 'vitest';
import { noSilence, provesWedge, type Silence, silenceAt, withStream } from './silence.ts';

const limitMs = 60_000;

/** What follows from looks once a second: how many streams wait, and how many signs of life there have been so far. */
function looks(from: Silence, seconds: number, owed: number, signs = from.signs): Silence {
  let silence = from;
  for (let second = 0; second < seconds; second += 1) silence = silenceAt(silence, { signs, owed }, limitMs, silence.at + 1_000);
  return silence;
}

const begun: Silence = { ...noSilence, at: 1_000_000 };
const one = withStream(begun);
const two = withStream(one);

test('two streams that get nothing for the limit prove it, and not a moment before', () => {
  expect(provesWedge(looks(two, 58, 2), limitMs)).toBe(false);
  expect(provesWedge(looks(two, 60, 2), limitMs)).toBe(true);
});

test('one stream proves nothing, however long it waits', () => {
  expect(provesWedge(looks(one, 600, 1), limitMs)).toBe(false);
});

test('one stream after the other does, from the second on', () => {
  const after = withStream(looks(one, 60, 1));
  expect(provesWedge(looks(after, 30, 1), limitMs)).toBe(false);
  expect(provesWedge(looks(after, 60, 1), limitMs)).toBe(true);
});

test('any sign of life, to whomever, begins anew', () => {
  const heard = looks(looks(two, 59, 2), 1, 2, 1);
  expect(heard).toMatchObject({ ms: 0, streams: 2 });
  expect(provesWedge(looks(heard, 58, 2), limitMs)).toBe(false);
});

test('time in which nobody waits does not count, and long idleness ends the suspicion', () => {
  const idle = looks(looks(two, 40, 2), 30, 0);
  expect(idle.ms).toBe(40_000);
  expect(silenceAt(idle, { signs: 0, owed: 0 }, limitMs, idle.at + 60_000)).toMatchObject({ ms: 0, streams: 0 });
});

test('what is proved stays proved until it is heard', () => {
  const proved = looks(two, 60, 2);
  const later = silenceAt(proved, { signs: 0, owed: 0 }, limitMs, proved.at + 3_600_000);
  expect(provesWedge(later, limitMs)).toBe(true);
  expect(provesWedge(silenceAt(later, { signs: 1, owed: 0 }, limitMs, later.at + 1), limitMs)).toBe(false);
});

test('a gateway that was held up itself, or whose clock goes back, blames nobody', () => {
  expect(silenceAt(two, { signs: 0, owed: 2 }, limitMs, two.at + 3_600_000).ms).toBe(2_000);
  expect(silenceAt(two, { signs: 0, owed: 2 }, limitMs, two.at - 5_000).ms).toBe(0);
});
