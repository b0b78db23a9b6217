import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../core/fake-clock.ts';
import { ExpiringCache } from './expiring-cache.ts';

let clock: FakeClock;
let cache: ExpiringCache<number>;
let asked: number;
const ask = async () => {
  asked += 1;
  return asked;
};

beforeEach(() => {
  clock = new FakeClock();
  cache = new ExpiringCache({ clock, ttlMs: 10_000, limit: 2 });
  asked = 0;
});

test('asks once for many, and again once the answer is old', async () => {
  expect(await Promise.all([cache.get('a', ask), cache.get('a', ask)])).toEqual([1, 1]);
  await clock.advance(9_999);
  expect(await cache.get('a', ask)).toBe(1);
  await clock.advance(1);
  expect(await cache.get('a', ask)).toBe(2);
});

test('does not keep a failure', async () => {
  await expect(cache.get('a', () => Promise.reject(new Error('no answer')))).rejects.toThrow('no answer');
  expect(await cache.get('a', ask)).toBe(1);
});

test('lets the oldest go when it is full', async () => {
  for (const key of ['a', 'b', 'c']) await cache.get(key, ask);
  expect(await cache.get('c', ask)).toBe(3);
  expect(await cache.get('b', ask)).toBe(2);
  expect(await cache.get('a', ask)).toBe(4);
});
