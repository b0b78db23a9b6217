import { expect, test } from 'vitest';
import { afterAnswer, afterFailure, afterTime, type Health, healthy, mayEject } from './outliers.ts';

function fail(health: Health, times: number, now = 0, may = true): Health {
  let state = health;
  for (let time = 0; time < times; time += 1) state = afterFailure(state, now, may);
  return state;
}

test('five failures one after the other eject a replica for ten seconds; an answer between them begins the count anew', () => {
  expect(fail(healthy, 5)).toEqual({ kind: 'out', until: 10_000, ejections: 1 });
  expect(fail(afterAnswer(fail(healthy, 4), 0), 4).kind).toBe('well');
});

test('after its time it gets a trial, and the answer to that decides', () => {
  const out = fail(healthy, 5);
  expect(afterTime(out, 9_999)).toBe(out);
  const trial = afterTime(out, 10_000);
  expect(trial.kind).toBe('trial');
  expect(afterAnswer(trial, 10_100)).toMatchObject({ kind: 'well', failures: 0 });
  expect(fail(trial, 1, 10_100)).toEqual({ kind: 'out', until: 30_100, ejections: 2 });
});

test('each ejection lasts twice as long, five minutes at most, and is forgiven after as long', () => {
  let health = fail(healthy, 5);
  for (let time = 1; time <= 20; time += 1) health = fail(afterTime(health, time * 1e6), 1, time * 1e6);
  expect(health).toMatchObject({ kind: 'out', until: 20e6 + 300_000 });
  const well = afterAnswer(afterTime(health, 2e9), 2e9);
  expect(fail(well, 5, 2e9 + 300_001)).toMatchObject({ ejections: 1 });
  expect(fail(well, 5, 2e9 + 1_000)).toMatchObject({ until: 2e9 + 301_000 });
});

test('when too many are out a replica stays, and what is out is not judged', () => {
  expect(fail(healthy, 50, 0, false).kind).toBe('well');
  expect(afterFailure({ kind: 'trial', ejections: 1 }, 0, false).kind).toBe('well');
  const out = fail(healthy, 5);
  expect([afterFailure(out, 5, true), afterAnswer(out, 5)]).toEqual([out, out]);
});

test('half of the ready ones may be out, and never the only one', () => {
  expect([1, 2, 3, 4, 8].map((ready) => [0, 1, 2, 3, 4].filter((out) => mayEject(out, ready)).length)).toEqual([0, 1, 1, 2, 4]);
});
