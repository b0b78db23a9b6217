import { expect, test } from 'vitest';
import { type AttemptFailure, isRetryableStatus, mayRetry } from './retry.ts';

const connect: AttemptFailure = { kind: 'connect', cause: new Error('refused') };
const reset: AttemptFailure = { kind: 'reset', cause: new Error('reset') };
const left: AttemptFailure = { kind: 'left' };
const busy: AttemptFailure = { kind: 'status', status: 503 };

test.each([
  [[connect], true],
  [[connect, busy], true],
  [[connect, busy, connect], false],
  [[reset], true],
  [[reset, busy], true],
  [[reset, reset], false],
  [[left, left, left, left], true],
  [[connect, left, busy, left], true],
  [[connect, left, busy, left, connect], false],
])('after %j another try is allowed: %s', (failures, allowed) =>
  expect(mayRetry(failures, { hasOther: true, hopeful: false })).toBe(allowed),
);

test('nobody is asked twice', () => expect(mayRetry([connect], { hasOther: false, hopeful: false })).toBe(false));

test('a request that a leaving replica sent away waits for the next one', () =>
  expect([left, reset].map((failure) => mayRetry([failure], { hasOther: false, hopeful: true }))).toEqual([true, true]));

test('only statuses that speak of the replica are tried again', () =>
  expect([429, 500, 501, 502, 503, 504, 505].filter(isRetryableStatus)).toEqual([502, 503, 504]));
