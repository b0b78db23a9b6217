import { expect, test } from 'vitest';
import { soak } from './soak.ts';

test('every desired state is reached through faults and edits, without a pod too many and without a write when idle', {
  timeout: 180_000,
}, async () => {
  const { problems, rounds, podsSeen, blindSpots } = await soak({ seconds: 20, seed: 7, speed: 5 });
  expect(problems).toEqual([]);
  expect(blindSpots).toBe(0);
  expect(rounds).toBeGreaterThan(0);
  expect(podsSeen).toBeGreaterThan(0);
});
