import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Plan, planReplicas, type Wish } from './plan.ts';
import type { Replica } from './replica.ts';
import { isOnTheWay } from './tally.ts';
import { agent, replica, t0 } from './testing/makers.fake.ts';

const stepMs = 10_000;
const drainTimeoutMs = 3 * stepMs;

/** What may happen to one pod between two plans. */
type Chance = 'loads' | 'dawdles' | 'crashes' | 'is evicted' | 'stalls' | 'loses its node';
type Edit = Partial<Pick<Wish, 'revision' | 'replicas' | 'strategy' | 'maxSurge' | 'maxUnavailable'>>;
type Step = { readonly edit?: Edit | undefined; readonly chances: readonly Chance[]; readonly backingOff: boolean };

/** Pods that load, serve, break, drain and go, under a plan that is made anew in every step. */
class Fleet {
  pods: Replica[] = [];
  wish: Wish;
  private now = t0;
  private readonly failing: ReadonlySet<string>;

  constructor(wish: Wish, failing: ReadonlySet<string> = new Set()) {
    this.wish = wish;
    this.failing = failing;
  }

  /** Time passes: each pod gets further, or has bad luck. */
  live(chances: readonly Chance[]): void {
    this.now += stepMs;
    this.pods = this.pods.flatMap((pod, index) => {
      if (pod.terminating) return pod.lost ? [pod] : []; // one on a lost node stays for good
      if (pod.drainingSince !== undefined)
        return [{ ...pod, agent: agent({ phase: 'Ready', draining: true, inFlight: (index + this.now / stepMs) % 3 }) }];
      return [this.befall(pod, chances[index % Math.max(1, chances.length)] ?? 'loads')];
    });
  }

  decide(pods: readonly Replica[], backingOff: boolean): Plan {
    return planReplicas({ ...this.wish, backingOff }, pods, this.now);
  }

  plan(backingOff = false): Plan {
    const plan = this.decide(this.pods, backingOff);
    const removed = new Set(plan.remove.map((removal) => removal.replica));
    const drained = new Set(plan.drain.map((removal) => removal.replica));
    this.pods = this.pods.map((pod) => {
      if (removed.has(pod)) return { ...pod, leaving: true, terminating: true, ready: false, finished: false };
      return drained.has(pod) ? { ...pod, leaving: true, ready: false, drainingSince: this.now } : pod;
    });
    for (let made = 0; made < plan.create; made += 1)
      this.pods.push(replica({ revision: this.wish.revision, createdAt: this.now, running: true }));
    for (let made = 0; made < (plan.restore?.count ?? 0); made += 1)
      this.pods.push(replica({ revision: plan.restore?.revision ?? '', restored: true, createdAt: this.now, running: true }));
    return plan;
  }

  get standing(): Replica[] {
    return this.pods.filter(({ leaving, finished, lost }) => !leaving && !finished && !lost);
  }

  get loaded(): Replica[] {
    return this.standing.filter(({ ready }) => ready);
  }

  /** Pods that may hold a device. */
  get holding(): Replica[] {
    return this.pods.filter(({ finished, lost }) => !finished && !lost);
  }

  /** Nothing is broken, on its way or outdated, and there are as many as are wanted. */
  get settled(): boolean {
    const { revision, replicas } = this.wish;
    const here = this.pods.filter(({ lost }) => !lost);
    return here.length === replicas && here.every((pod) => pod.revision === revision && pod.ready);
  }

  private befall(pod: Replica, chance: Chance): Replica {
    if (pod.finished || pod.lost || pod.phase === 'Stalled') return pod;
    if (chance === 'loses its node') return { ...pod, lost: true, ready: false };
    if (chance === 'is evicted') return { ...pod, finished: true, running: false, ready: false, phase: 'Failed', reason: 'Evicted' };
    if (pod.ready) return pod;
    if (this.failing.has(pod.revision))
      return chance === 'stalls' ? stalled(pod) : { ...pod, phase: 'Failed', reason: 'DeviceOutOfMemory' };
    if (chance === 'stalls') return stalled(pod);
    if (chance === 'crashes') return { ...pod, phase: 'Failed', reason: 'EngineCrashed' };
    return chance === 'loads' ? { ...pod, phase: 'Ready', ready: true, agent: agent({ phase: 'Ready' }) } : pod;
  }
}

const stalled = (pod: Replica): Replica => ({ ...pod, phase: 'Stalled', reason: 'NoProgress', agent: agent() });

const anyRollout = fc
  .record({ strategy: fc.constant('RollingUpdate' as const), maxSurge: fc.nat(3), maxUnavailable: fc.nat(3) })
  .filter(({ maxSurge, maxUnavailable }) => maxSurge + maxUnavailable > 0);
const anyRevision = fc.constantFrom('v1', 'v2', 'v3');
const anyWish = fc.tuple(anyRollout, fc.nat(5), anyRevision, fc.boolean()).map(([rollout, replicas, revision, sparesLoading]): Wish => {
  return { ...rollout, replicas, revision, drainTimeoutMs, backingOff: false, sparesLoading };
});
const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  anyRevision.map((revision) => ({ revision })),
  fc.nat(5).map((replicas) => ({ replicas })),
  anyRollout,
  fc.constantFrom('RollingUpdate' as const, 'Recreate' as const).map((strategy) => ({ strategy })),
);
const calm: readonly Chance[] = ['loads', 'dawdles', 'dawdles'];
const rough: readonly Chance[] = [...calm, 'loads', 'crashes', 'is evicted', 'stalls', 'loses its node'];
const steps = (edit: fc.Arbitrary<Edit>, chances: readonly Chance[], most = 25): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      edit: fc.option(edit, { nil: undefined, freq: 5 }),
      chances: fc.array(fc.constantFrom(...chances), { minLength: 1, maxLength: 5 }),
      backingOff: fc.boolean(),
    }),
    { maxLength: most, size: 'max' },
  );

/** Runs a fleet through these steps; `check` sees each plan with the fleet before and after it. */
function run(fleet: Fleet, life: readonly Step[], check: (plan: Plan, before: readonly Replica[], step: Step) => void): void {
  for (const step of life) {
    const { edit, chances, backingOff } = step;
    fleet.live(chances);
    fleet.wish = { ...fleet.wish, ...edit };
    const before = fleet.pods;
    check(fleet.plan(backingOff), before, step);
  }
}

/** Lets all go well until nothing changes any more. */
function settle(fleet: Fleet): void {
  for (let round = 0; round < 60 && !fleet.settled; round += 1) {
    fleet.live(['loads']);
    fleet.plan();
  }
}

/** A fleet as it is when its first rollout is over. */
function settledFleet(wish: Wish, failing?: ReadonlySet<string>): Fleet {
  const fleet = new Fleet(wish, failing);
  fleet.plan();
  settle(fleet);
  return fleet;
}

describe('whatever happens to a fleet', () => {
  test('creation never brings more standing replicas than are wanted and the surge', () => {
    fc.assert(
      fc.property(anyWish, steps(anyEdit, rough), (wish, life) => {
        const fleet = new Fleet(wish);
        run(fleet, life, ({ create, restore }) => {
          const { replicas, maxSurge, strategy } = fleet.wish;
          if (create > 0 || restore) expect(fleet.standing.length).toBeLessThanOrEqual(replicas + (strategy === 'Recreate' ? 0 : maxSurge));
        });
      }),
    );
  });

  test('no more of a revision stand than are wanted, once it was planned, but for those that load where they are spared', () => {
    fc.assert(
      fc.property(anyWish, steps(anyEdit, rough), (wish, life) => {
        const fleet = new Fleet(wish);
        run(fleet, life, () => {
          const { replicas, revision, sparesLoading } = fleet.wish;
          const isSpared = (pod: Replica) => sparesLoading === true && replicas > 0 && isOnTheWay(pod);
          const counted = fleet.standing.filter((pod) => pod.revision === revision && !isSpared(pod));
          expect(counted.length).toBeLessThanOrEqual(replicas);
        });
      }),
    );
  });

  test('nothing that loads is scaled in where an autoscaler scales, but to zero', () => {
    fc.assert(
      fc.property(anyWish, steps(anyEdit, rough), (wish, life) => {
        const fleet = new Fleet({ ...wish, sparesLoading: true });
        run(fleet, life, ({ drain, remove }) => {
          if (fleet.wish.replicas === 0) return;
          const scaledIn = [...drain, ...remove].filter(({ reason }) => reason === 'ScaledIn');
          const current = scaledIn.filter(({ replica: pod }) => pod.revision === fleet.wish.revision);
          expect(current.filter(({ replica: pod }) => isOnTheWay(pod))).toEqual([]);
        });
      }),
    );
  });

  test('a plan ends a loaded replica only while the user can spare it, and always by draining it', () => {
    fc.assert(
      fc.property(anyWish, steps(anyEdit, rough), (wish, life) => {
        const fleet = new Fleet(wish);
        run(fleet, life, ({ drain, remove }, before) => {
          const { replicas, maxUnavailable, maxSurge, strategy } = fleet.wish;
          for (const { replica: pod } of remove) expect(pod.ready && !pod.lost).toBe(false);
          for (const { replica: pod } of [...drain, ...remove]) expect(pod.terminating).toBe(false);
          if (strategy === 'Recreate') return;
          const floor = replicas - (maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable);
          const loadedBefore = before.filter(({ ready, lost }) => ready && !lost).length;
          expect(fleet.loaded.length).toBeGreaterThanOrEqual(Math.min(loadedBefore, floor));
        });
      }),
    );
  });

  test('it settles when all goes well again', () => {
    fc.assert(
      fc.property(anyWish, steps(anyEdit, rough), (wish, life) => {
        const fleet = new Fleet(wish);
        run(fleet, life, () => {});
        fleet.pods = fleet.pods.map((pod) => (pod.phase === 'Failed' && !pod.finished ? { ...pod, phase: 'LoadingWeights' } : pod));
        settle(fleet);
        expect(fleet.settled).toBe(true);
        expect(planReplicas(fleet.wish, fleet.pods, t0)).toEqual({ create: 0, drain: [], remove: [], unprotect: [] });
      }),
    );
  });

  test('the order in which replicas are seen does not matter', () => {
    const sorted = ({ create, restore, drain, remove, halted }: Plan) => ({
      create,
      restore,
      halted,
      drain: names(drain),
      remove: names(remove),
    });
    const names = (removals: Plan['remove']) => removals.map(({ replica: { name }, reason }) => `${name} ${reason}`).sort();
    fc.assert(
      fc.property(anyWish, steps(anyEdit, rough), (wish, life) => {
        const fleet = new Fleet(wish);
        run(fleet, life, (plan, before, { backingOff }) => {
          expect(sorted(fleet.decide(before.toReversed(), backingOff))).toEqual(sorted(plan));
        });
      }),
    );
  });
});

describe('a rollout of a whole fleet', () => {
  test('never has fewer loaded than are wanted less those that may be missing', () => {
    fc.assert(
      fc.property(
        anyWish,
        steps(
          anyRevision.map((revision) => ({ revision })),
          calm,
        ),
        (wish, life) => {
          const fleet = settledFleet(wish);
          const { replicas, maxUnavailable } = wish;
          run(fleet, life, () => expect(fleet.loaded.length).toBeGreaterThanOrEqual(replicas - maxUnavailable));
        },
      ),
    );
  });

  test('without surge never has more pods than are wanted, those that drain included', () => {
    const tight = anyWish.map((wish) => ({ ...wish, maxSurge: 0, maxUnavailable: Math.max(1, wish.maxUnavailable) }));
    fc.assert(
      fc.property(
        tight,
        steps(
          anyRevision.map((revision) => ({ revision })),
          calm,
        ),
        (wish, life) => {
          const fleet = settledFleet(wish);
          run(fleet, life, () => expect(fleet.holding.length).toBeLessThanOrEqual(wish.replicas));
        },
      ),
    );
  });

  test('by Recreate never has pods of two revisions that may hold a device, once the old ones are gone', () => {
    const wishes = anyWish.map((wish): Wish => ({ ...wish, strategy: 'Recreate' }));
    fc.assert(
      fc.property(
        wishes,
        steps(
          anyRevision.map((revision) => ({ revision })),
          calm,
        ),
        (wish, life) => {
          const fleet = settledFleet(wish);
          run(fleet, life, ({ create }) => {
            if (create > 0) expect(new Set(fleet.holding.map(({ revision }) => revision)).size).toBe(1);
          });
        },
      ),
    );
  });

  test('to a revision that fails makes those again that it loses of the last good one', () => {
    const wishes = anyWish.map((wish) => ({ ...wish, revision: 'good', replicas: wish.replicas + 1, maxSurge: wish.maxSurge + 1 }));
    fc.assert(
      fc.property(
        wishes,
        fc.array(fc.constantFrom<Chance>('crashes', 'loses its node', 'is evicted'), { maxLength: 5 }),
        (wish, chances) => {
          const fleet = settledFleet({ ...wish, strategy: 'RollingUpdate' }, new Set(['bad']));
          fleet.wish = { ...fleet.wish, revision: 'bad' };
          fleet.plan();
          fleet.live(['crashes']);
          fleet.plan();
          fleet.live(chances);
          fleet.pods = fleet.pods.map((pod) => (pod.revision === 'bad' ? { ...pod, phase: 'Failed', reason: 'DeviceOutOfMemory' } : pod));
          for (let round = 0; round < 5; round += 1) {
            fleet.plan(true);
            fleet.live(['loads']);
          }
          const good = fleet.loaded.filter(({ revision }) => revision === 'good');
          expect(good.length).toBeGreaterThanOrEqual(wish.replicas - wish.maxUnavailable);
        },
      ),
    );
  });

  test('to a revision that fails keeps the last good one serving, for as long as it takes; going back needs no reload of what is left', () => {
    const life = fc.array(fc.constantFrom<Chance>('crashes', 'stalls', 'dawdles'), { minLength: 20, maxLength: 40 });
    fc.assert(
      fc.property(anyWish, life, (wish, chances) => {
        const fleet = settledFleet({ ...wish, revision: 'good' }, new Set(['bad']));
        const floor = wish.replicas - (wish.maxSurge === 0 ? Math.max(1, wish.maxUnavailable) : wish.maxUnavailable);
        fleet.wish = { ...fleet.wish, revision: 'bad' };
        for (const [index, chance] of chances.entries()) {
          fleet.live([chance]);
          fleet.plan(index % 3 > 0);
          expect(fleet.loaded.length).toBeGreaterThanOrEqual(floor);
        }
        const left = fleet.loaded;
        expect(left.every(({ revision }) => revision === 'good')).toBe(true);
        fleet.wish = { ...fleet.wish, revision: 'good' };
        settle(fleet);
        expect(fleet.settled).toBe(true);
        for (const { uid } of left) expect(fleet.loaded.some((pod) => pod.uid === uid)).toBe(true);
      }),
    );
  });
});
