import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concurrencyNeeded, type RequestSample, remember } from './concurrency.ts';

const t0 = Date.UTC(2026, 0, 1);
const [service, drain] = [10_000, 600_000];

/** One sample a second; each number is requests in the system, of which 8 run at most. */
function samples(inSystem: readonly number[]): readonly RequestSample[] {
  return inSystem.reduce<readonly RequestSample[]>((past, total, second) => {
    const running = Math.min(8, total);
    return remember(past, { at: t0 + second * 1000, waiting: total - running, running });
  }, []);
}

test('is the number of running requests while nobody waits', () => {
  expect(concurrencyNeeded(samples([5, 6, 5, 4, 6, 5]), service, drain)).toBe(5);
});

test('does not follow the line that grows while replicas load', () => {
  // 3 requests a second arrive and 0.8 are answered: 30 must be served at once.
  const line = Array.from({ length: 600 }, (_, second) => 8 + Math.round(second * 2.2));

  for (const seconds of [60, 300, 600]) {
    const waiting = (line[seconds - 1] ?? 0) - 8;
    const needed = concurrencyNeeded(samples(line.slice(0, seconds)), service, drain);
    expect(needed).toBeCloseTo(30 + (waiting * service) / drain, 0);
  }
});

test('sees a step within seconds', () => {
  const steady = Array<number>(120).fill(8);
  const after = [12, 16, 20, 24, 28, 32, 36, 40, 44, 48];
  expect(concurrencyNeeded(samples([...steady, ...after]), service, drain)).toBeGreaterThan(32);
});

test('asks for what drains the line in time once nothing more arrives than is served', () => {
  expect(concurrencyNeeded(samples(Array<number>(120).fill(608)), service, drain)).toBe(8 + 10);
});

test('counts every request while the past or the service time is unknown', () => {
  expect(concurrencyNeeded(samples([40]), service, drain)).toBe(40);
  expect(concurrencyNeeded(samples([40, 40]), undefined, drain)).toBe(40);
  expect(concurrencyNeeded([], service, drain)).toBe(0);
});

test('asks for something whenever a request is there, and never for more than there are', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2_000), { minLength: 1, maxLength: 80 }), fc.integer({ min: 1, max: 100_000 }), (inSystem, serviceMs) => {
      const all = inSystem.at(-1) ?? 0;
      const needed = concurrencyNeeded(samples(inSystem), serviceMs, drain);
      expect(needed).toBeLessThanOrEqual(all);
      expect(needed).toBeGreaterThanOrEqual(Math.min(8, all));
      expect(needed > 0).toBe(all > 0);
    }),
  );
});

test('forgets samples older than a minute', () => {
  expect(samples(Array<number>(600).fill(1))).toHaveLength(61);
});
