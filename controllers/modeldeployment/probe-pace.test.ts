import { expect, test } from 'vitest';
import { firstPauseMs, idlePauseMs, loadingPauseMs } from './probe-pace.ts';

test('asks each second while it loads and each ten seconds after, in all ordinary fleets', () => {
  expect([1, 250].map(loadingPauseMs)).toEqual([1_000, 1_000]);
  expect([1, 200].map((idle) => idlePauseMs(idle, 0))).toEqual([10_000, 10_000]);
  expect([1, 250].map(firstPauseMs)).toEqual([0, 0]);
});

test('asks no more often in a fleet of thousands: each agent is asked more rarely', () => {
  expect(loadingPauseMs(5_000)).toBe(20_000);
  expect(idlePauseMs(5_000, 0)).toBe(250_000);
});

test('asks idle agents together, whenever their models were loaded', () => {
  const due = [0, 1_000, 2_000].map((now) => now + idlePauseMs(3, now));
  expect(due).toEqual([10_000, 10_000, 10_000]);
});

test('spreads the first questions when a whole fleet is met at once', () => {
  expect(firstPauseMs(5_000)).toBe(19_000);
});
