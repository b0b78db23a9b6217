import { expect, test } from 'vitest';
import { limitRefusal } from './refusal.ts';
import type { Reading } from './store.ts';

const reading = (name: Reading['gate']['name'], waitMs: number): Reading => ({
  gate: { key: 'modelfleet:{acme}:tenant::x', name, scope: 'tenant', limit: 10, onOutage: 'LocalShare' },
  ...{ remaining: 0, resetMs: waitMs, waitMs },
});

test('tells how long to wait, in seconds and exactly', () => {
  const { status, code, headers } = limitRefusal(reading('requestsPerMinute', 1_234.5));
  expect([status, code]).toEqual([429, 'rate_limit_exceeded']);
  expect(headers).toEqual({ 'retry-after': '2', 'retry-after-ms': '1235' });
});

test('keeps clients that would not wait so long from trying again', () => {
  expect(limitRefusal(reading('requestsPerMinute', 60_000)).headers['x-should-retry']).toBeUndefined();
  expect(limitRefusal(reading('requestsPerMinute', 60_001)).headers['x-should-retry']).toBe('false');
  expect(limitRefusal(reading('tokensPerDay', 3_600_000))).toMatchObject({
    code: 'insufficient_quota',
    headers: { 'x-should-retry': 'false' },
  });
});
