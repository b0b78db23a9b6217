import { expect, test } from 'vitest';
import { type AttemptFailure, isRetryableStatus, mayRetry } from './retry.ts';

const connect: AttemptFailure = { kind: 'connect', cause: new Error('refused') };
const reset: AttemptFailure = { kind: 'reset', cause: new Error('reset') };
const busy: AttemptFailure = { kind: 'status', status: 503 };

test.each([
  [[connect], true],
  [[connect, busy], true],
  [[connect, busy, connect], false],
  [[reset], true],
  [[reset, busy], true],
  [[reset, reset], false],
])('after %j another try is allowed: %s', (failures, allowed) => expect(mayRetry(failures, true)).toBe(allowed));

test('nobody is asked twice', () => expect(mayRetry([connect], false)).toBe(false));

test('only statuses that speak of the replica are tried again', () =>
  expect([429, 500, 501, 502, 503, 504, 505].filter(isRetryableStatus)).toEqual([502, 503, 504]));
