import { expect, test } from 'vitest';
import { gatesOf } from './gate.ts';
import { goDuration, limitHeaders } from './headers.ts';
import type { Reading } from './store.ts';

function readings(...states: readonly [remaining: number, resetMs: number][]): Reading[] {
  const gates = [
    ...gatesOf('a', 'tenant', '', { requestsPerMinute: 600, tokensPerMinute: 90_000 }),
    ...gatesOf('a', 'key', 'k', { requestsPerMinute: 60, concurrency: 3 }),
  ];
  return gates.map((gate, index) => ({ gate, remaining: states[index]?.[0] ?? 0, resetMs: states[index]?.[1] ?? 0, waitMs: 0 }));
}

test('tells the tightest of each kind in OpenAI’s and in the IETF’s words', () => {
  expect(limitHeaders(readings([580, 61_000], [8_000, 1_500], [59, 61_000], [2, 1_000]))).toEqual([
    ...['x-ratelimit-limit-requests', '60', 'x-ratelimit-remaining-requests', '59', 'x-ratelimit-reset-requests', '1m1s'],
    ...['x-ratelimit-limit-tokens', '90000', 'x-ratelimit-remaining-tokens', '8000', 'x-ratelimit-reset-tokens', '1.5s'],
    ...['ratelimit-policy', '"requests";q=60;w=60, "tokens";q=90000;w=60'],
    ...['ratelimit', '"requests";r=59;t=61, "tokens";r=8000;t=2'],
  ]);
});

test('the one that refuses is told before one with less left', () => {
  const [tenant, tokens, key] = readings([3, 9_000], [0, 0], [1, 9_000]);
  if (!tenant || !tokens || !key) throw new Error('three readings');
  expect(limitHeaders([{ ...tenant, waitMs: 500 }, key])).toContain('600');
});

test('says nothing where nothing is limited by the minute', () => {
  expect(limitHeaders([])).toEqual([]);
});

test.each([
  [0, '0ms'],
  [120, '120ms'],
  [1_500, '1.5s'],
  [59_999, '59.999s'],
  [60_000, '1m0s'],
  [3_600_001, '1h0m1s'],
])('%d ms is %s', (ms, text) => expect(goDuration(ms)).toBe(text));
