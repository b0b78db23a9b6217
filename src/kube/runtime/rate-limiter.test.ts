import { expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { ExponentialBackoff, MaxOf, TokenBucket } from './rate-limiter.ts';

test('a key waits 5 ms, doubling up to 1000 s; other keys are not touched', () => {
  const limiter = new ExponentialBackoff();
  const waits = Array.from({ length: 30 }, () => limiter.delay('a'));
  expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40]);
  expect(waits.at(-1)).toBe(1_000_000);
  expect(limiter.delay('b')).toBe(5);
  limiter.forget('a');
  expect(limiter.delay('a')).toBe(5);
});

test('all keys together retry ten times a second after a burst', async () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket(clock, 10, 3);
  expect([bucket.delay('a'), bucket.delay('b'), bucket.delay('c')]).toEqual([0, 0, 0]);
  expect([bucket.delay('d'), bucket.delay('e')]).toEqual([100, 200]);
  await clock.advance(1_000);
  expect(bucket.delay('f')).toBe(0);
});

test('of several limiters the longest wait holds', () => {
  const clock = new FakeClock();
  const limiter = new MaxOf(new ExponentialBackoff(), new TokenBucket(clock, 1, 1));
  expect([limiter.delay('a'), limiter.delay('b')]).toEqual([5, 1_000]);
  expect(limiter.retries('b')).toBe(1);
});
