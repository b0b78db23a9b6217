import { expect, test } from 'vitest';
import { dueAfter, firstPauseMs, idleAgentsPerRound, isDueInRound, loadingPauseMs, nextRound } from './probe-pace.ts';

test('asks each second while it loads, in all ordinary fleets', () => {
  expect([1, 250].map(loadingPauseMs)).toEqual([1_000, 1_000]);
  expect([1, 250].map(firstPauseMs)).toEqual([0, 0]);
});

test('asks no more often in a fleet of thousands: each agent is asked more rarely', () => {
  expect(loadingPauseMs(5_000)).toBe(20_000);
  expect(idleAgentsPerRound).toBe(75);
});

test('asks idle agents together, about ten seconds after the last question', () => {
  expect([0, 4_999, 5_000].map(nextRound)).toEqual([5_000, 5_000, 10_000]);
  expect([0, 2_500, 2_501, 5_000].map((askedAt) => isDueInRound(askedAt, 10_000))).toEqual([true, true, false, false]);
});

test('asks agents that load at common instants too, never too early, and at once when there is no time to wait', () => {
  expect([dueAfter(1_000, 1), dueAfter(1_000, 50), dueAfter(0, 1)]).toEqual([1_050, 1_050, 1]);
});

test('spreads the first questions when a whole fleet is met at once', () => {
  expect(firstPauseMs(5_000)).toBe(19_000);
});
