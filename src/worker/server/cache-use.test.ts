import { expect, test } from 'vitest';
import { CacheUse } from './cache-use.ts';

test('counts what running requests have, and nothing of those that ended', () => {
  const use = new CacheUse();
  const [first, second] = [use.enter(), use.enter()];
  first.add(100);
  second.add(20);
  second.add(1);
  expect([use.tokens, use.shareOf(484)]).toEqual([121, 0.25]);
  first.leave();
  first.leave();
  expect(use.tokens).toBe(21);
  second.leave();
  expect([use.tokens, use.shareOf(484)]).toEqual([0, 0]);
});

test('says nothing before a cache is there, and never more than all of it', () => {
  const use = new CacheUse();
  use.enter().add(10);
  expect([use.shareOf(null), use.shareOf(0), use.shareOf(5)]).toEqual([undefined, undefined, 1]);
});
