import { expect, test } from 'vitest';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { demandSource } from './demand-source.ts';

function world() {
  const clock = new FakeClock();
  const told: string[] = [];
  const listeners = new Set<(model: string) => void>();
  const subscribe = (listener: (model: string) => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const stop = demandSource({ subscribe }, clock).start((key) => told.push(key));
  const news = (model: string) => {
    for (const listener of listeners) listener(model);
  };
  return { clock, told, news, stop };
}

test('the first request that waits is news at once; what follows is told together, five seconds later', async () => {
  const { clock, told, news } = world();
  news('a/b');
  expect(told).toEqual(['a/b']);
  for (let index = 0; index < 100; index += 1) news('a/b');
  news('a/c');
  await clock.advance(4_999);
  expect(told).toEqual(['a/b', 'a/c']);
  await clock.advance(1);
  expect(told).toEqual(['a/b', 'a/c', 'a/b']);
});

test('after a quiet time news is told at once again', async () => {
  const { clock, told, news } = world();
  news('a/b');
  await clock.advance(5_000);
  expect([told.length, clock.sleeping]).toEqual([1, 0]);
  news('a/b');
  expect(told).toEqual(['a/b', 'a/b']);
});

test('tells nothing after its end', async () => {
  const { clock, told, news, stop } = world();
  news('a/b');
  news('a/b');
  stop();
  news('a/c');
  await clock.advance(10_000);
  expect(told).toEqual(['a/b']);
});
