import { expect, test } from 'vitest';
import { findCondition, isConditionTrue, setCondition } from './conditions.ts';

const t0 = Date.UTC(2026, 0, 1);
const ready = { type: 'Ready', status: 'False', reason: 'Loading', message: '10 %', observedGeneration: 1 } as const;

test('lastTransitionTime moves with the status and with nothing else', () => {
  const first = setCondition([], ready, t0);
  const moved = setCondition(first, { ...ready, reason: 'Verifying', message: '20 %', observedGeneration: 2 }, t0 + 5_000);
  expect(moved).toEqual([
    { ...ready, reason: 'Verifying', message: '20 %', observedGeneration: 2, lastTransitionTime: '2026-01-01T00:00:00Z' },
  ]);
  const loaded = setCondition(moved, { ...ready, status: 'True', reason: 'Loaded' }, t0 + 9_500);
  expect(loaded[0]?.lastTransitionTime).toBe('2026-01-01T00:00:09Z');
});

test('is the same array when nothing changes, so that no write follows', () => {
  const conditions = setCondition(undefined, ready, t0);
  expect(setCondition(conditions, ready, t0 + 60_000)).toBe(conditions);
});

test('leaves other conditions and the order alone', () => {
  const conditions = setCondition(setCondition([], ready, t0), { ...ready, type: 'Loaded', status: 'True' }, t0);
  const next = setCondition(conditions, { ...ready, status: 'True' }, t0);
  expect(next.map(({ type, status }) => `${type}=${status}`)).toEqual(['Ready=True', 'Loaded=True']);
  expect(isConditionTrue(next, 'Ready')).toBe(true);
  expect(isConditionTrue(next, 'Unheard')).toBe(false);
  expect(findCondition(next, 'Loaded')).toBe(conditions[1]);
});

test('cuts a message that the API server would refuse', () => {
  expect(setCondition([], { ...ready, message: 'x'.repeat(40_000) }, t0)[0]?.message).toHaveLength(32_768);
});
