import fc from 'fast-check';
import { expect, test } from 'vitest';
import { completeBehavior } from '../../local/autoscaler/behavior.ts';
import { recommend, toleranceOf } from '../../local/autoscaler/recommend.ts';
import { type Acting, bandOf, requestsInSystem } from './facts.ts';

const wish = { minReplicas: 1, maxReplicas: 1000, behavior: completeBehavior() };
const autoscaler: Acting = {
  name: 'qwen',
  own: true,
  wish,
  metrics: [],
  seen: { current: 1, desired: 1, lastScaledAt: undefined },
  conditions: [],
};

/** What the rule of the autoscaler asks for with so many requests. */
function askedFor(requests: number, replicas: number, target: number): number {
  const reading = {
    metric: requestsInSystem,
    target: { kind: 'AverageValue', value: target },
    observed: { kind: 'values', values: [requests] },
  } as const;
  const scale = { specReplicas: replicas, statusReplicas: replicas, readyReplicas: replicas };
  const recommended = recommend([reading], scale, toleranceOf(wish.behavior));
  if (recommended.kind === 'unknown') throw new Error(recommended.why);
  return recommended.replicas;
}

test('the numbers that are told are those at which the autoscaler changes its mind', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 300 }), (replicas, targetRequestsPerReplica) => {
      const target = targetRequestsPerReplica;
      const scaling = { minReplicas: 0, maxReplicas: 1000, targetRequestsPerReplica: target, idleTimeout: '10m' };
      const { most, fewer } = bandOf(replicas, scaling, autoscaler);
      expect(askedFor(most, replicas, target)).toBeLessThanOrEqual(replicas);
      expect(askedFor(most + 1, replicas, target)).toBeGreaterThan(replicas);
      if (fewer < 0) return;
      expect(askedFor(fewer, replicas, target)).toBeLessThan(replicas);
      expect(askedFor(fewer + 1, replicas, target)).toBeGreaterThanOrEqual(replicas);
    }),
    { numRuns: 1_000 },
  );
});
