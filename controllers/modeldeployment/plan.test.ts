import { describe, expect, test } from 'vitest';
import { endReplicas, keepReplicas, type Plan, planReplicas, type Wish } from './plan.ts';
import type { Replica } from './replica.ts';
import { agent, failed, loaded, replica, t0 } from './testing/makers.fake.ts';

function plan(wish: Partial<Wish>, ...replicas: readonly Replica[]): Plan {
  const ordinary = { revision: 'v1', replicas: 2, strategy: 'RollingUpdate', maxSurge: 1, maxUnavailable: 0 } as const;
  return planReplicas({ ...ordinary, drainTimeoutMs: 60_000, backingOff: false, ...wish }, replicas, t0);
}

const removals = (removed: Plan['remove']) => removed.map(({ replica: { name }, reason }) => `${name} ${reason}`);
/** What a plan says, with names in place of replicas. */
function words({ create, restore, drain, remove, unprotect, halted }: Plan) {
  return {
    ...(create > 0 && { create }),
    ...(restore && { restore: `${restore.count} of ${restore.revision}` }),
    ...(drain.length > 0 && { drain: removals(drain) }),
    ...(remove.length > 0 && { remove: removals(remove) }),
    ...(unprotect.length > 0 && { unprotect: unprotect.map(({ name }) => name) }),
    ...(halted && { halted: halted.reason }),
  };
}

const ended = (fields: Partial<Replica> = {}) => failed('Evicted', { finished: true, running: false, ...fields });
const stalled = (fields: Partial<Replica> = {}) => replica({ phase: 'Stalled', reason: 'NoProgress', agent: agent(), ...fields });
const draining = (fields: Partial<Replica> = {}) => loaded({ ready: false, leaving: true, drainingSince: t0, ...fields });
const terminating = (fields: Partial<Replica> = {}) => replica({ leaving: true, terminating: true, ...fields });

describe('the number of replicas', () => {
  test('is made up when some are missing', () => expect(words(plan({}, loaded()))).toEqual({ create: 1 }));
  test('is left alone when it is right', () => expect(words(plan({}, loaded(), replica()))).toEqual({}));
  test('does not count what is on its way out, and nothing is ended twice', () => {
    expect(words(plan({}, loaded(), terminating()))).toEqual({ create: 1 });
    expect(words(plan({}, loaded(), draining()))).toEqual({ create: 1 });
  });
});

describe('scale-in', () => {
  test('takes the replica that is not ready before one that is, and at once', () => {
    expect(words(plan({ replicas: 1 }, loaded({ name: 'serving' }), replica({ name: 'loading' })))).toEqual({
      remove: ['loading ScaledIn'],
    });
  });

  test('lets the idlest of ready replicas drain', () => {
    const busy = [loaded({ inFlight: 3 }), loaded({ inFlight: 1, waiting: 4 })];
    expect(words(plan({}, ...busy, loaded({ name: 'idle' })))).toEqual({ drain: ['idle ScaledIn'] });
  });

  test('takes the newest of equals, and then the first by name', () => {
    const old = loaded({ createdAt: 1, name: 'a' });
    expect(words(plan({ replicas: 1 }, old, loaded({ name: 'newest', createdAt: 2 })))).toEqual({ drain: ['newest ScaledIn'] });
    expect(words(plan({ replicas: 1 }, loaded({ createdAt: 1, name: 'b' }), old))).toEqual({ drain: ['a ScaledIn'] });
  });

  test('waits for what loads where an autoscaler scales, and takes loaded ones beyond what is wanted meanwhile', () => {
    const spares = { replicas: 1, sparesLoading: true };
    const loading = replica({ name: 'loading' });
    expect(words(plan(spares, loaded({ name: 'serving' }), loading))).toEqual({});
    expect(words(plan(spares, loaded({ name: 'a' }), loaded({ name: 'b', inFlight: 1 }), loading))).toEqual({ drain: ['a ScaledIn'] });
    expect(words(plan({ ...spares, replicas: 0 }, loading))).toEqual({ remove: ['loading ScaledIn'] });
  });

  test('spares nothing that fails or finds no place', () => {
    const spares = { replicas: 1, sparesLoading: true, backingOff: true };
    const homeless = replica({ name: 'homeless', phase: 'Pending', reason: 'Unschedulable' });
    expect(words(plan(spares, loaded(), failed('EngineCrashed', { name: 'crashed' })))).toEqual({ remove: ['crashed ScaledIn'] });
    expect(words(plan(spares, loaded(), homeless))).toEqual({ remove: ['homeless ScaledIn'] });
  });

  test('takes what is broken first of all', () => {
    const broken = ended({ name: 'broken', createdAt: 1 });
    expect(words(plan({ replicas: 1, backingOff: true }, replica({ createdAt: 2 }), broken))).toEqual({ remove: ['broken ScaledIn'] });
  });

  test('to zero takes all, whatever their revision; one that is wanted again is made anew', () => {
    expect(words(plan({ replicas: 0 }, loaded({ name: 'a' }), replica({ name: 'b', revision: 'v0' })))).toEqual({
      drain: ['a ScaledIn'],
      remove: ['b ScaledIn'],
    });
    expect(words(plan({ replicas: 1 }, draining()))).toEqual({ create: 1 });
  });
});

describe('a replica that drains', () => {
  const idle = agent({ phase: 'Ready', draining: true });
  const busy = agent({ phase: 'Ready', draining: true, inFlight: 1 });

  test('is waited for, and goes when it is done or out of time', () => {
    expect(words(plan({ replicas: 0 }, draining({ agent: busy })))).toEqual({});
    expect(words(plan({ replicas: 0 }, draining({ name: 'a', agent: idle })))).toEqual({ remove: ['a Drained'] });
    expect(words(plan({ replicas: 0 }, draining({ name: 'a', agent: busy, drainingSince: t0 - 60_000 })))).toEqual({
      remove: ['a DrainTimeout'],
    });
  });

  test('goes on also when nothing else may be done', () => {
    expect(words(keepReplicas([draining({ name: 'a', agent: idle }), ended(), replica()], 60_000, t0))).toEqual({ remove: ['a Drained'] });
  });
});

describe('protection from autoscalers', () => {
  test('ends with the load', () => {
    const fleet = [loaded({ name: 'a', protected: true }), replica({ protected: true })];
    expect(words(plan({}, ...fleet))).toEqual({ unprotect: ['a'] });
  });

  test('is taken by the drain, not before it', () => {
    const fleet = [loaded({ name: 'a', protected: true }), draining({ protected: true })];
    expect(words(plan({ replicas: 0 }, ...fleet))).toEqual({ drain: ['a ScaledIn'] });
  });
});

describe('a broken replica', () => {
  test('is removed and replaced in one go', () => {
    expect(words(plan({}, loaded(), ended({ name: 'old' })))).toEqual({ create: 1, remove: ['old Ended'] });
    expect(words(plan({}, loaded(), stalled({ name: 'old' })))).toEqual({ create: 1, remove: ['old Stalled'] });
    expect(words(plan({}, loaded(), loaded({ name: 'old', lost: true })))).toEqual({ create: 1, remove: ['old Lost'] });
  });

  test('stays, and nothing takes its place, while its replacement is delayed', () => {
    expect(words(plan({ backingOff: true }, loaded(), ended()))).toEqual({});
  });

  test('delays no other replica', () => {
    expect(words(plan({ backingOff: true, replicas: 3 }, loaded(), ended()))).toEqual({ create: 1 });
  });

  test('that waits for a node, or crashes and is started again, stays', () => {
    expect(words(plan({}, replica({ phase: 'Stalled' }), failed('EngineCrashed')))).toEqual({});
  });
});

describe('ending all', () => {
  test('lets the loaded ones drain, removes the others, and creates none', () => {
    const fleet = [loaded({ name: 'a' }), replica({ name: 'b' }), ended({ name: 'c' }), draining(), terminating()];
    const expected = { drain: ['a Suspended'], remove: ['c Ended', 'b Suspended'] };
    expect(words(endReplicas('Suspended', fleet, 60_000, t0))).toEqual(expected);
  });
});

describe('a rollout', () => {
  const old = (fields: Partial<Replica> = {}) => loaded({ revision: 'v0', ...fields });

  test('begins with as many new replicas as the surge allows', () => {
    expect(words(plan({}, old(), old()))).toEqual({ create: 1 });
    expect(words(plan({ maxSurge: 5 }, old(), old()))).toEqual({ create: 2 });
  });

  test('waits until the new replica has loaded', () => expect(words(plan({}, old(), old(), replica()))).toEqual({}));

  test('drains an old replica for each new one that has loaded, the idlest first, and goes on with the next', () => {
    expect(words(plan({}, old({ inFlight: 2 }), old({ name: 'idle' }), loaded()))).toEqual({ create: 1, drain: ['idle Replaced'] });
  });

  test('counts as standing what its plan ends: the next begins in the same step', () => {
    expect(words(plan({ maxUnavailable: 1 }, old({ name: 'a', createdAt: 2 }), old({ createdAt: 1 })))).toEqual({
      create: 2,
      drain: ['a Replaced'],
    });
  });

  test('ends old replicas that never served at once', () => {
    const broken = failed('SourceNotFound', { name: 'broken', revision: 'v0' });
    expect(words(plan({ replicas: 1 }, broken))).toEqual({ create: 1, remove: ['broken Replaced'] });
  });

  test('keeps an old replica that is not ready for a moment, until it is no longer needed', () => {
    const pausing = old({ name: 'a', ready: false, agent: agent({ phase: 'Ready' }) });
    expect(words(plan({ replicas: 1 }, pausing, replica()))).toEqual({});
    expect(words(plan({ replicas: 1 }, pausing, loaded()))).toEqual({ remove: ['a Replaced'] });
  });

  test('to a third revision does not wait for the second', () => {
    const fleet = [old(), old(), replica({ name: 'middle', revision: 'middle' })];
    expect(words(plan({}, ...fleet))).toEqual({ create: 1, remove: ['middle Replaced'] });
  });

  test('back to the old revision keeps what still runs of it, and ends the new at once', () => {
    const failing = failed('DeviceOutOfMemory', { name: 'new', revision: 'v2' });
    expect(words(plan({ replicas: 1 }, loaded(), failing))).toEqual({ remove: ['new Replaced'] });
    expect(words(plan({}, loaded(), failing))).toEqual({ create: 1, remove: ['new Replaced'] });
  });

  describe('without surge', () => {
    const tight = { maxSurge: 0, maxUnavailable: 1 };

    test('drains an old replica first', () => {
      expect(words(plan(tight, old({ name: 'a', createdAt: 2 }), old({ createdAt: 1 })))).toEqual({ drain: ['a Replaced'] });
    });

    test('creates its successor when its pod is gone, or nobody knows of its node any more', () => {
      expect(words(plan(tight, old({ ...draining(), revision: 'v0' }), old()))).toEqual({});
      expect(words(plan(tight, terminating({ revision: 'v0' }), old()))).toEqual({});
      expect(words(plan(tight, terminating({ revision: 'v0', lost: true }), old()))).toEqual({ create: 1 });
      expect(words(plan(tight, old()))).toEqual({ create: 1 });
    });

    test('moves even when nothing may be missing', () => {
      expect(words(plan({ maxSurge: 0, replicas: 1 }, old({ name: 'a' })))).toEqual({ drain: ['a Replaced'] });
    });
  });

  describe('by Recreate', () => {
    const recreate = { strategy: 'Recreate' } as const;

    test('ends all before it creates any', () => {
      expect(words(plan(recreate, old({ name: 'a' }), replica({ name: 'b', revision: 'v0' })))).toEqual({
        drain: ['a Replaced'],
        remove: ['b Replaced'],
      });
      expect(words(plan(recreate, terminating({ revision: 'v0' })))).toEqual({});
      expect(words(plan(recreate, terminating({ revision: 'v0', lost: true })))).toEqual({ create: 2 });
      expect(words(plan(recreate))).toEqual({ create: 2 });
    });
  });

  describe('to a revision that fails', () => {
    const failing = failed('DeviceOutOfMemory', { name: 'new' });

    test('is halted: nothing more is created or retired', () => {
      const fleet = [old(), old(), loaded(), failing];
      expect(words(plan({ replicas: 3, maxSurge: 3, maxUnavailable: 3 }, ...fleet))).toEqual({ halted: 'DeviceOutOfMemory' });
      expect(plan({ replicas: 1 }, old(), failing).halted).toEqual({
        reason: 'DeviceOutOfMemory',
        message: 'new: It said DeviceOutOfMemory.',
      });
    });

    test('goes on trying, one for one', () => {
      const broken = stalled({ name: 'new' });
      expect(words(plan({ backingOff: true, maxSurge: 2 }, old(), old(), broken))).toEqual({ halted: 'NoProgress' });
      expect(words(plan({ maxSurge: 2 }, old(), old(), broken))).toEqual({ create: 1, remove: ['new Stalled'], halted: 'NoProgress' });
    });

    test('still lets the user have fewer', () => {
      const fleet = [old({ name: 'a', createdAt: 2 }), old({ createdAt: 1 }), failing];
      expect(words(plan({ replicas: 1 }, ...fleet))).toEqual({ drain: ['a ScaledIn'], halted: 'DeviceOutOfMemory' });
    });

    describe('makes those again that served and are gone', () => {
      const lost = (fields: Partial<Replica> = {}) => old({ ready: false, lost: true, ...fields });
      const halted = 'DeviceOutOfMemory';

      test('also the only one', () => {
        const gone = lost({ name: 'gone' });
        expect(words(plan({ replicas: 1 }, gone, failing))).toEqual({ restore: '1 of v0', remove: ['gone Lost'], halted });
        expect(words(plan({ replicas: 1 }, replica({ revision: 'v0', restored: true }), failing))).toEqual({ halted });
      });

      test('as many as served, in the revision that most of them have, as far as the surge allows', () => {
        expect(words(plan({ replicas: 3 }, old(), old(), failing))).toEqual({ restore: '1 of v0', halted });
        const others = [old(), old({ revision: 'v00' }), old()];
        expect(words(plan({ replicas: 6 }, ...others, failing))).toEqual({ restore: '3 of v0', halted });
        expect(words(plan({ replicas: 2, maxSurge: 0 }, old(), failing))).toEqual({ halted });
        expect(words(plan({ replicas: 2 }, old(), loaded(), failing))).toEqual({ halted });
      });

      test('but none of a revision that has never loaded', () => {
        const never = replica({ revision: 'v0', protected: true });
        expect(words(plan({ replicas: 2 }, never, failing))).toEqual({ halted });
        expect(words(plan({ replicas: 1 }, lost({ name: 'gone', protected: true }), failing))).toEqual({ remove: ['gone Lost'] });
      });

      test('and lets them load while the new revision tries again, until that has loaded', () => {
        const restored = replica({ name: 'restored', revision: 'v0', restored: true });
        expect(words(plan({ replicas: 1 }, restored, replica({ restarts: 1 })))).toEqual({});
        expect(words(plan({ replicas: 1 }, restored, loaded()))).toEqual({ remove: ['restored Replaced'] });
      });
    });

    test.each(['NodeLost', 'Evicted', 'Preempted'])('is not halted for where a replica ran: %s', (reason) => {
      expect(words(plan({ backingOff: true }, old(), old(), failed(reason)))).toEqual({});
    });
  });
});
