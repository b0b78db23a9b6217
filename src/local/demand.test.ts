import { expect, test } from 'vitest';
import type { RequestCounts } from '../api/gateway-stats.ts';
import { FakeClock } from '../core/fake-clock.ts';
import { LocalDemand } from './demand.ts';

test('knows at any moment what the gateway has, and tells of what waits within a quarter of a second', async () => {
  const clock = new FakeClock();
  const requests = new Map<string, RequestCounts>();
  const demand = new LocalDemand({ requests: () => new Map(requests), clock });
  const news: string[] = [];
  const stop = new AbortController();
  const running = demand.run(stop.signal);
  const unsubscribe = demand.subscribe((model) => news.push(model));

  requests.set('a/b', { held: 2, queued: 0, running: 1 });
  requests.set('a/c', { held: 0, queued: 0, running: 1 });
  expect(demand.of('a/b')).toMatchObject({ waiting: 2, inSystem: 3, gateways: 1, oldestMs: 0, stale: false });
  expect([...demand.all().keys()]).toEqual(['a/b', 'a/c']);
  await clock.advance(250);
  expect(news).toEqual(['a/b']);
  requests.delete('a/b');
  await clock.advance(250);
  expect(news).toEqual(['a/b', 'a/b']);
  expect(demand.of('a/b')).toMatchObject({ inSystem: 0, gateways: 1 });

  unsubscribe();
  requests.set('a/b', { held: 1, queued: 0, running: 0 });
  await clock.advance(250);
  expect(news).toHaveLength(2);
  stop.abort();
  await running;
});

test('knows when there was a request last, also one that came and went between two looks', async () => {
  const clock = new FakeClock();
  const requests = new Map<string, RequestCounts>();
  const demand = new LocalDemand({ requests: () => new Map(requests), clock });
  const stop = new AbortController();
  const running = demand.run(stop.signal);
  const tell = (arrivals: number) => requests.set('a/b', { held: 0, queued: 0, running: 0, arrivals });
  expect(demand.of('a/b').askedAt).toBeUndefined();
  tell(1);
  await clock.advance(250);
  const first = clock.now();
  await clock.advance(10_000);
  expect(demand.of('a/b').askedAt).toBe(first);
  tell(2);
  await clock.advance(250);
  expect(demand.of('a/b').askedAt).toBe(clock.now());
  stop.abort();
  await running;
});
