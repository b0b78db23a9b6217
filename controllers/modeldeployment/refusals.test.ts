import { expect, test } from 'vitest';
import { Failure } from '../../src/core/failure.ts';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { Refusals } from './refusals.ts';
import { t0 } from './testing/makers.fake.ts';

const key = 'models/qwen';
const quota = new Failure('QuotaExceeded', 'exceeded quota: gpus');

test('tries more and more rarely, every two minutes at last', async () => {
  const clock = new FakeClock(t0);
  const refusals = new Refusals(clock);
  const waits: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    refusals.note(key, 'a', quota);
    waits.push(refusals.waitMs(key));
    await clock.advance(refusals.waitMs(key));
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 120_000, 120_000]);
});

test('is news once', () => {
  const refusals = new Refusals(new FakeClock(t0));
  expect(refusals.note(key, 'a', quota)).toBe(true);
  expect(refusals.note(key, 'a', new Failure('QuotaExceeded', quota.message))).toBe(false);
  expect(refusals.note(key, 'a', new Failure('QuotaExceeded', 'exceeded quota: pods'))).toBe(true);
});

test('tries at once in another situation', () => {
  const refusals = new Refusals(new FakeClock(t0));
  for (let round = 0; round < 5; round += 1) refusals.note(key, 'a', quota);
  expect(refusals.current(key, 'a')).toBe(quota);
  expect(refusals.current(key, 'b')).toBeUndefined();
  expect(refusals.waitMs(key)).toBe(0);
  refusals.note(key, 'b', quota);
  expect(refusals.waitMs(key)).toBe(1_000);
});
