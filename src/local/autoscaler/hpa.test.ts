import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GivenBehavior, ScalingRules } from './behavior.ts';
import { type History, withScale } from './history.ts';
import { type Decision, decide, type HpaSpec } from './hpa.ts';
import type { MetricReading } from './recommend.ts';
import { missing, replicas, requests, spec, t0 } from './testing/makers.fake.ts';
import { PublishedRule } from './testing/published-rule.fake.ts';

/** An autoscaler that is asked every 15 seconds and whose wish is granted at once. */
class Autoscaler {
  count: number;
  history: History | undefined;
  now = t0;
  private readonly spec: HpaSpec;

  constructor(spec: HpaSpec, count: number) {
    this.spec = spec;
    this.count = count;
  }

  see(...readings: readonly MetricReading[]): Decision {
    const decision = decide(this.spec, { scale: replicas(this.count), readings }, this.history, this.now);
    const scaled = decision.replicas !== this.count;
    this.history = scaled ? withScale(decision.history, this.count, decision.replicas, this.now) : decision.history;
    this.count = decision.replicas;
    this.now += 15_000;
    return decision;
  }

  /** The counts while the total stays the same. */
  during(rounds: number, total: number): number[] {
    return Array.from({ length: rounds }, () => this.see(requests(total)).replicas);
  }
}

describe('growing', () => {
  test('goes by four pods or to the double in 15 seconds, whichever is more', () => {
    expect(new Autoscaler(spec(), 1).during(5, 640)).toEqual([5, 10, 20, 40, 80]);
  });

  test('stops at maxReplicas and says so', () => {
    const decision = new Autoscaler(spec({ maxReplicas: 3 }), 1).see(requests(640));
    expect(decision).toMatchObject({ replicas: 3, scalingLimited: { status: 'True', reason: 'TooManyReplicas' } });
  });

  test('says when the rate limits it', () => {
    expect(new Autoscaler(spec(), 1).see(requests(640)).scalingLimited).toMatchObject({ status: 'True', reason: 'ScaleUpLimit' });
  });

  test('waits for as long as its window says', () => {
    const scaler = new Autoscaler(spec({}, { scaleUp: { stabilizationWindowSeconds: 60 } }), 1);
    expect(scaler.during(6, 24)).toEqual([1, 1, 1, 1, 3, 3]);
  });

  test('follows the lowest of the window', () => {
    const scaler = new Autoscaler(spec({}, { scaleUp: { stabilizationWindowSeconds: 30 } }), 1);
    scaler.during(2, 40);
    expect(scaler.see(requests(24)).replicas).toBe(3);
  });

  test('does not happen when its policies are disabled', () => {
    expect(new Autoscaler(spec({}, { scaleUp: { selectPolicy: 'Disabled' } }), 1).during(3, 640)).toEqual([1, 1, 1]);
  });
});

describe('shrinking', () => {
  test('waits until five minutes have asked for less', () => {
    const scaler = new Autoscaler(spec(), 10);
    const counts = scaler.during(21, 8);
    expect(counts.slice(0, 20)).toEqual(Array(20).fill(10));
    expect(counts[20]).toBe(1);
  });

  test('starts its five minutes anew after a peak', () => {
    const scaler = new Autoscaler(spec(), 10);
    scaler.during(15, 8);
    scaler.see(requests(80));
    expect(scaler.during(19, 8)).toEqual(Array(19).fill(10));
    expect(scaler.see(requests(8)).replicas).toBe(1);
  });

  test('keeps to a policy of one pod a minute', () => {
    const behavior: GivenBehavior = {
      scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] },
    };
    expect(new Autoscaler(spec({}, behavior), 5).during(9, 8)).toEqual([4, 4, 4, 4, 3, 3, 3, 3, 2]);
  });

  test('takes the smaller change when the policy is Min', () => {
    const behavior: GivenBehavior = {
      scaleDown: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Min',
        policies: [
          { type: 'Percent', value: 50, periodSeconds: 60 },
          { type: 'Pods', value: 2, periodSeconds: 60 },
        ],
      },
    };
    expect(new Autoscaler(spec({}, behavior), 10).during(1, 8)).toEqual([8]);
  });

  test('stops at minReplicas and says so', () => {
    const behavior: GivenBehavior = { scaleDown: { stabilizationWindowSeconds: 0 } };
    const decision = new Autoscaler(spec({ minReplicas: 3 }, behavior), 5).see(requests(0));
    expect(decision).toMatchObject({ replicas: 3, scalingLimited: { status: 'True', reason: 'TooFewReplicas' } });
  });

  test('is held by a first look at the fleet, and says that it is', () => {
    expect(new Autoscaler(spec(), 4).see(requests(8))).toMatchObject({ replicas: 4, stabilized: { reason: 'ScaleDownStabilized' } });
  });
});

describe('outside of the limits', () => {
  test('goes back between them at once, whatever the metrics say', () => {
    expect(new Autoscaler(spec({ maxReplicas: 3 }), 9).see(missing()).replicas).toBe(3);
    expect(new Autoscaler(spec({ minReplicas: 3 }), 1).see(missing()).replicas).toBe(3);
  });

  test('leaves a deployment alone that somebody has set to zero', () => {
    const decision = new Autoscaler(spec(), 0).see(requests(640));
    expect(decision).toMatchObject({ replicas: 0, scalingActive: { status: 'False', reason: 'ScalingDisabled' } });
  });
});

test('keeps the replicas while the metric is missing, says why, and remembers the peak for no longer than its window', () => {
  const scaler = new Autoscaler(spec(), 10);
  scaler.see(requests(80));
  for (let round = 0; round < 20; round += 1) {
    const decision = scaler.see(missing());
    expect(decision).toMatchObject({ replicas: 10, scalingActive: { status: 'False', reason: 'FailedGetExternalMetric' } });
    expect(decision.scalingActive.message).toContain('no answer');
  }
  expect(scaler.see(requests(8)).replicas).toBe(1);
});

test('forgets what no window and no policy needs', () => {
  const scaler = new Autoscaler(spec(), 1);
  for (let round = 0; round < 1_000; round += 1) scaler.see(requests(round % 100 < 50 ? 8 : 80));
  expect(scaler.history?.recommendations.length).toBeLessThanOrEqual(21);
  expect(scaler.history?.scales.length).toBeLessThanOrEqual(120);
});

const policy = fc.record({
  type: fc.constantFrom('Pods' as const, 'Percent' as const),
  value: fc.integer({ min: 1, max: 200 }),
  periodSeconds: fc.integer({ min: 1, max: 120 }),
});
const rules: fc.Arbitrary<ScalingRules> = fc.record({
  stabilizationWindowSeconds: fc.integer({ min: 0, max: 120 }),
  selectPolicy: fc.constantFrom('Max' as const, 'Min' as const, 'Disabled' as const),
  policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
  tolerance: fc.integer({ min: 0, max: 50 }).map((percent) => percent / 100),
});
const specs: fc.Arbitrary<HpaSpec> = fc
  .record({ minReplicas: fc.integer({ min: 0, max: 5 }), more: fc.integer({ min: 0, max: 40 }), scaleUp: rules, scaleDown: rules })
  .map(({ minReplicas, more, scaleUp, scaleDown }) => ({
    minReplicas,
    maxReplicas: Math.max(1, minReplicas + more),
    behavior: { scaleUp, scaleDown },
  }));
const observed = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 3 }).map((values) => ({ kind: 'values' as const, values })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'missing' as const, why: 'no answer' }) },
);
const target = fc.record({ kind: fc.constantFrom('AverageValue' as const, 'Value' as const), value: fc.integer({ min: 1, max: 20 }) });
const round = fc.record({
  afterMs: fc.integer({ min: 1, max: 40_000 }),
  observed: fc.tuple(observed, observed),
  loading: fc.integer({ min: 0, max: 3 }),
  absent: fc.boolean(),
  /** Somebody else sets the replicas. */
  edited: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined, freq: 12 }),
});

test('agrees with the documented formulas in any history', () => {
  fc.assert(
    fc.property(
      specs,
      fc.tuple(target, target),
      fc.integer({ min: 0, max: 50 }),
      fc.array(round, { minLength: 1, maxLength: 30 }),
      (wish, targets, start, rounds) => {
        const published = new PublishedRule();
        let [count, now] = [start, t0];
        let history: History | undefined;
        for (const { afterMs, observed, loading, absent, edited } of rounds) {
          now += afterMs;
          count = edited ?? count;
          const statusReplicas = absent ? Math.max(0, count - loading) : count;
          const seen = {
            scale: { specReplicas: count, statusReplicas, readyReplicas: Math.max(0, statusReplicas - loading) },
            readings: targets.map((target, at) => ({ metric: `metric-${at}`, target, observed: observed[at] ?? missing().observed })),
          };
          const decision = decide(wish, seen, history, now);
          expect(decision.replicas).toBe(published.decide(wish, seen, now));
          history = decision.history;
          if (decision.replicas === count) continue;
          history = withScale(history, count, decision.replicas, now);
          published.scaled(count, decision.replicas, now);
          count = decision.replicas;
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
