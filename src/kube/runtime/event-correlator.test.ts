import { expect, test } from 'vitest';
import { EventCorrelator } from './event-correlator.ts';

const happening = (message: string, object = 'uid-1') => ({ object, type: 'Warning', reason: 'FailedPull', message }) as const;
const minute = 60_000;

test('the same words count up on one event', () => {
  const correlator = new EventCorrelator();
  const first = correlator.correlate(happening('no such image'), 0);
  expect(correlator.correlate(happening('no such image'), minute)).toEqual({ ...first, count: 2, firstAt: 0 });
  expect(correlator.correlate(happening('other words'), minute)).toMatchObject({ count: 1 });
});

test('many similar words become one event, until they have been quiet', () => {
  const correlator = new EventCorrelator();
  for (let i = 0; i < 9; i++) correlator.correlate(happening(`try ${i}`), i);
  const combined = correlator.correlate(happening('try 9'), 9);
  expect(combined?.message).toBe('(combined from similar events): try 9');
  expect(correlator.correlate(happening('try 10'), 10)).toMatchObject({ key: combined?.key, count: 2 });
  expect(correlator.correlate(happening('try 11'), 11 * minute)?.message).toBe('try 11');
});

test('one object says 25 things at once, then one in five minutes; others are not hindered', () => {
  const correlator = new EventCorrelator();
  const said = Array.from({ length: 30 }, () => correlator.correlate(happening('again'), 0)).filter((event) => event !== undefined);
  expect(said).toHaveLength(25);
  expect(correlator.correlate(happening('again', 'uid-2'), 0)).toBeDefined();
  expect(correlator.correlate(happening('again'), 5 * minute - 1)).toBeUndefined();
  expect(correlator.correlate(happening('again'), 10 * minute)).toBeDefined();
});
