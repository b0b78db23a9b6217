import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Plan, planReplicas, type Wish } from './plan.ts';
import type { Replica } from './replica.ts';
import { failed, loaded, replica } from './testing/makers.fake.ts';

function wish(fields: Partial<Wish> = {}): Wish {
  return { revision: 'v1', replicas: 2, suspend: false, strategy: 'RollingUpdate', maxSurge: 1, maxUnavailable: 0, ...fields };
}

const names = (plan: Plan) => plan.remove.map(({ replica: { name }, reason }) => `${name} ${reason}`);

test('creates what is missing', () => expect(planReplicas(wish(), [loaded()])).toMatchObject({ create: 1, remove: [] }));

test('does nothing when all is as wanted', () =>
  expect(planReplicas(wish(), [loaded(), replica()])).toMatchObject({ create: 0, remove: [] }));

test('replaces a replica that is on its way out, without ending it twice', () => {
  expect(planReplicas(wish(), [loaded(), loaded({ leaving: true })])).toMatchObject({ create: 1, remove: [] });
});

test('replaces a pod that has ended for good, and removes it', () => {
  const plan = planReplicas(wish(), [loaded(), failed('Evicted', { name: 'old', finished: true })]);
  expect(plan.create).toBe(1);
  expect(names(plan)).toEqual(['old Ended']);
});

test('leaves a crash loop to the kubelet: the pod stays', () => {
  expect(planReplicas(wish(), [loaded(), failed('EngineCrashed')])).toMatchObject({ create: 0, remove: [] });
});

test('suspending ends every replica and creates none', () => {
  const plan = planReplicas(wish({ suspend: true }), [loaded({ name: 'a' }), replica({ name: 'b' }), loaded({ leaving: true })]);
  expect(plan.create).toBe(0);
  expect(names(plan)).toEqual(['a Suspended', 'b Suspended']);
});

describe('scale-in', () => {
  test('takes the replica that is not ready before one that is', () => {
    const plan = planReplicas(wish({ replicas: 1 }), [loaded({ name: 'serving' }), replica({ name: 'loading' })]);
    expect(names(plan)).toEqual(['loading ScaledIn']);
  });

  test('takes the idlest of ready replicas', () => {
    const plan = planReplicas(wish({ replicas: 2 }), [
      loaded({ inFlight: 3 }),
      loaded({ name: 'idle' }),
      loaded({ inFlight: 1, waiting: 4 }),
    ]);
    expect(names(plan)).toEqual(['idle ScaledIn']);
  });

  test('takes the newest of equals', () => {
    const plan = planReplicas(wish({ replicas: 1 }), [loaded({ createdAt: 1 }), loaded({ name: 'newest', createdAt: 2 })]);
    expect(names(plan)).toEqual(['newest ScaledIn']);
  });

  test('to zero takes all, whatever their revision', () => {
    const plan = planReplicas(wish({ replicas: 0 }), [loaded({ name: 'a' }), loaded({ name: 'b', revision: 'v0' })]);
    expect(names(plan)).toEqual(['a ScaledIn', 'b ScaledIn']);
  });
});

describe('a rollout', () => {
  const v2 = (fields: Partial<Wish> = {}) => wish({ revision: 'v2', ...fields });

  test('begins with as many new replicas as the surge allows', () => {
    expect(planReplicas(v2(), [loaded(), loaded()])).toMatchObject({ create: 1, remove: [] });
    expect(planReplicas(v2({ maxSurge: 5 }), [loaded(), loaded()])).toMatchObject({ create: 2, remove: [] });
  });

  test('waits until the new replica has loaded', () => {
    expect(planReplicas(v2(), [loaded(), loaded(), replica({ revision: 'v2' })])).toMatchObject({ create: 0, remove: [] });
  });

  test('ends an old replica for each new one that has loaded, the idlest first', () => {
    const plan = planReplicas(v2(), [loaded({ inFlight: 2 }), loaded({ name: 'idle' }), loaded({ revision: 'v2' })]);
    expect(plan.create).toBe(0);
    expect(names(plan)).toEqual(['idle Replaced']);
  });

  test('keeps the last loaded revision while the new one fails to load', () => {
    const plan = planReplicas(v2({ replicas: 1 }), [loaded(), failed('DeviceOutOfMemory', { revision: 'v2' })]);
    expect(plan).toMatchObject({ create: 0, remove: [] });
  });

  test('ends old replicas that serve nothing at once', () => {
    expect(names(planReplicas(v2({ replicas: 1 }), [failed('SourceNotFound', { name: 'broken' })]))).toEqual(['broken Replaced']);
  });

  test('without surge ends as many as may be missing, then fills up', () => {
    const rollout = v2({ maxSurge: 0, maxUnavailable: 1 });
    expect(names(planReplicas(rollout, [loaded({ name: 'a', createdAt: 2 }), loaded({ name: 'b', createdAt: 1 })]))).toEqual([
      'a Replaced',
    ]);
    expect(planReplicas(rollout, [loaded({ leaving: true }), loaded()])).toMatchObject({ create: 1, remove: [] });
  });

  test('by Recreate ends all before it creates any', () => {
    const recreate = v2({ strategy: 'Recreate' });
    expect(planReplicas(recreate, [loaded({ name: 'a' })]).create).toBe(0);
    expect(planReplicas(recreate, [loaded({ leaving: true })]).create).toBe(0);
    expect(planReplicas(recreate, []).create).toBe(2);
  });

  test('back to the old revision keeps what still runs of it', () => {
    const plan = planReplicas(wish({ replicas: 1 }), [loaded(), failed('DeviceOutOfMemory', { name: 'new', revision: 'v2' })]);
    expect(plan.create).toBe(0);
    expect(names(plan)).toEqual(['new Replaced']);
  });
});

describe('for any fleet', () => {
  const anyReplica = fc
    .record({
      revision: fc.constantFrom('v1', 'v2'),
      ready: fc.boolean(),
      leaving: fc.boolean(),
      finished: fc.boolean(),
      inFlight: fc.nat(3),
      createdAt: fc.nat(5),
    })
    .map((fields) => replica({ ...fields, ready: fields.ready && !fields.leaving && !fields.finished }));
  const anyFleet = fc.array(anyReplica, { maxLength: 8 });
  const anyWish = fc
    .record({
      revision: fc.constantFrom('v1', 'v2'),
      replicas: fc.nat(5),
      suspend: fc.boolean(),
      strategy: fc.constantFrom('RollingUpdate' as const, 'Recreate' as const),
      maxSurge: fc.nat(3),
      maxUnavailable: fc.nat(3),
    })
    .filter(({ strategy, maxSurge, maxUnavailable }) => strategy === 'Recreate' || maxSurge + maxUnavailable > 0);

  const standing = (fleet: readonly Replica[]) => fleet.filter(({ leaving, finished }) => !leaving && !finished);

  /** The fleet right after the plan, before anything loads. */
  function carryOut(plan: Plan, wanted: Wish, fleet: readonly Replica[]): Replica[] {
    const removed = new Set(plan.remove.map(({ replica: { uid } }) => uid));
    return [
      ...fleet
        .filter(({ uid, finished }) => !(finished && removed.has(uid)))
        .map((one) => (removed.has(one.uid) ? { ...one, leaving: true, ready: false } : one)),
      ...Array.from({ length: plan.create }, () => replica({ revision: wanted.revision })),
    ];
  }

  test('replicas never exceed what is wanted and the surge, unless they did before', () => {
    fc.assert(
      fc.property(anyWish, anyFleet, (wanted, fleet) => {
        const { create } = planReplicas(wanted, fleet);
        if (create > 0) expect(standing(fleet).length + create).toBeLessThanOrEqual(wanted.replicas + wanted.maxSurge);
      }),
    );
  });

  test('a loaded replica goes only when a loaded one remains for it, or the user allowed it to be missing', () => {
    fc.assert(
      fc.property(anyWish, anyFleet, (wanted, fleet) => {
        if (wanted.suspend || wanted.strategy === 'Recreate') return;
        const ready = (some: readonly Replica[]) => standing(some).filter((one) => one.ready).length;
        const floor = Math.min(ready(fleet), wanted.replicas - wanted.maxUnavailable);
        expect(ready(carryOut(planReplicas(wanted, fleet), wanted, fleet))).toBeGreaterThanOrEqual(floor);
      }),
    );
  });

  test('the plan repeated after it was done asks for no more replicas of a kind than are wanted', () => {
    fc.assert(
      fc.property(anyWish, anyFleet, (wanted, fleet) => {
        const next = carryOut(planReplicas(wanted, fleet), wanted, fleet);
        const again = carryOut(planReplicas(wanted, next), wanted, next);
        const current = standing(again).filter(({ revision }) => revision === wanted.revision);
        expect(current.length).toBeLessThanOrEqual(wanted.suspend ? 0 : wanted.replicas);
      }),
    );
  });

  test('it settles: when all loads and all that leaves is gone, nothing is left to do', () => {
    fc.assert(
      fc.property(anyWish, anyFleet, (wanted, start) => {
        let fleet: Replica[] = start;
        for (let round = 0; round < 40; round += 1) {
          const plan = planReplicas(wanted, fleet);
          fleet = carryOut(plan, wanted, fleet)
            .filter(({ leaving }) => !leaving)
            .map((one) => ({ ...one, ready: !one.finished }));
          if (round > 0 && plan.create === 0 && plan.remove.length === 0) break;
        }
        expect(planReplicas(wanted, fleet)).toMatchObject({ create: 0, remove: [] });
        expect(fleet.length).toBe(wanted.suspend ? 0 : wanted.replicas);
        expect(fleet.every(({ revision }) => revision === wanted.revision)).toBe(true);
      }),
    );
  });

  test('the order in which replicas are seen does not matter', () => {
    fc.assert(
      fc.property(anyWish, anyFleet, (wanted, fleet) => {
        const sorted = (plan: Plan) => ({ create: plan.create, remove: names(plan).sort() });
        expect(sorted(planReplicas(wanted, fleet.toReversed()))).toEqual(sorted(planReplicas(wanted, fleet)));
      }),
    );
  });
});
