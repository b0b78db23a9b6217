import { drainEnd } from './drain.ts';
import { isCircumstance } from './failures/circumstances.ts';
import { isGone, needsReplacement } from './replacements.ts';
import type { Replica } from './replica.ts';
import { isBroken, isOnTheWay } from './tally.ts';

/** What the plan may know. */
export type Wish = {
  /** The revision that new replicas get. */
  readonly revision: string;
  readonly replicas: number;
  readonly strategy: 'RollingUpdate' | 'Recreate';
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  readonly drainTimeoutMs: number;
  /** Broken replicas are not replaced yet. */
  readonly backingOff: boolean;
  /** Replicas that load are not scaled in but to zero: an autoscaler that wants fewer may want them again before they are ready. */
  readonly sparesLoading?: boolean | undefined;
};

/** Why a replica is ended. */
export type RemovalReason = 'Suspended' | 'ScaledIn' | 'Replaced' | 'Deleted' | 'Ended' | 'Stalled' | 'Lost' | 'Drained' | 'DrainTimeout';
export type Removal = { readonly replica: Replica; readonly reason: RemovalReason };

/** What to do now. */
export type Plan = {
  readonly create: number;
  /** Replicas to make in an older revision: the rollout from it is halted, and some that served are gone. */
  readonly restore?: { readonly revision: string; readonly count: number } | undefined;
  /** Marked to drain: the gateways send nothing new, the agent refuses it, and what runs is finished. */
  readonly drain: readonly Removal[];
  /** Deleted now: never loaded, drained, out of time, ended, stalled or lost. */
  readonly remove: readonly Removal[];
  /** Loaded: autoscalers may move them from now on. */
  readonly unprotect: readonly Replica[];
  /** Nothing more is created or retired because the new revision fails; why. */
  readonly halted?: { readonly reason: string; readonly message: string } | undefined;
};

/**
 * Decides which replicas to create and which to end, and why. Pure: the same input gives the same plan; `now` in milliseconds.
 * While a new revision loads, the loaded replicas never fall below `replicas - maxUnavailable`, and the standing ones never exceed
 * `replicas + maxSurge`. Replicas on their way out count for neither, as in a ReplicaSet, unless their device is needed:
 * without surge, and when all are recreated, a successor waits until the pod before it is gone.
 */
export function planReplicas(wish: Wish, replicas: readonly Replica[], now: number): Plan {
  const kept = keepReplicas(replicas, wish.drainTimeoutMs, now);
  const { create, restore, going, broken, halted } = fleetPlan(wish, replicas);
  return { ...leave(kept, going, broken), create, ...(restore && { restore }), ...(halted && { halted }) };
}

/** Ends all replicas: the loaded ones drain first. */
export function endReplicas(reason: 'Suspended' | 'Deleted', replicas: readonly Replica[], drainTimeoutMs: number, now: number): Plan {
  const here = replicas.filter(({ leaving }) => !leaving);
  const going = here.filter((replica) => !isGone(replica)).map(because(reason));
  return leave(keepReplicas(replicas, drainTimeoutMs, now), going, here.filter(isGone).map(asBroken));
}

/** Only what is due whatever is wanted: replicas that have drained go, loaded ones lose their protection. */
export function keepReplicas(replicas: readonly Replica[], drainTimeoutMs: number, now: number): Plan {
  const remove = replicas.flatMap((replica): Removal[] => {
    const reason = drainEnd(replica, drainTimeoutMs, now);
    return reason === undefined ? [] : [{ replica, reason }];
  });
  return { create: 0, drain: [], remove, unprotect: replicas.filter((replica) => isLoaded(replica) && replica.protected) };
}

type FleetPlan = Pick<Plan, 'create' | 'restore' | 'halted'> & {
  /** Those that must make way: loaded ones are drained first. */
  readonly going: readonly Removal[];
  /** Those that are of no use any more. */
  readonly broken: readonly Removal[];
};

function leave(kept: Plan, going: readonly Removal[], broken: readonly Removal[]): Plan {
  const goes = new Set(going.map(({ replica }) => replica));
  return {
    create: 0,
    drain: going.filter(({ replica }) => isLoaded(replica)),
    remove: [...kept.remove, ...broken, ...going.filter(({ replica }) => !isLoaded(replica))],
    unprotect: kept.unprotect.filter((replica) => !goes.has(replica)),
  };
}

function fleetPlan(wish: Wish, replicas: readonly Replica[]): FleetPlan {
  const here = replicas.filter(({ leaving }) => !leaving);
  const outdated = here.filter(({ revision }) => revision !== wish.revision);
  const broken = [
    ...outdated.filter(isGone), // nobody replaces them: the new revision does
    ...here.filter((replica) => replica.revision === wish.revision && needsReplacement(replica) && !wish.backingOff),
  ];
  const remaining = here.filter((replica) => !broken.includes(replica));
  const fleet: Fleet = {
    current: remaining.filter(({ revision }) => revision === wish.revision),
    outdated: remaining.filter(({ revision }) => revision !== wish.revision),
    replaced: broken.filter(({ revision }) => revision === wish.revision),
    proven: outdated.filter((replica) => isLoaded(replica) || replica.restored || (isGone(replica) && !replica.protected)),
    holding: replicas.filter((replica) => !isGone(replica)),
  };
  const candidates = wish.sparesLoading && wish.replicas > 0 ? fleet.current.filter((replica) => !isOnTheWay(replica)) : fleet.current;
  const surplus = inVictimOrder(candidates)
    .slice(0, Math.max(0, candidates.length - wish.replicas))
    .map(because('ScaledIn'));
  const { going, ...rest } = wish.strategy === 'Recreate' ? recreate(wish, fleet) : roll(wish, fleet, surplus.length);
  return { ...rest, going: [...surplus, ...going], broken: broken.map(asBroken) };
}

type Fleet = {
  /** Of the current revision, those included that are broken and not replaced yet. */
  readonly current: readonly Replica[];
  readonly outdated: readonly Replica[];
  /** Of the current revision: they make room for their successors. */
  readonly replaced: readonly Replica[];
  /** Of older revisions, gone ones included: their revision is known to load. */
  readonly proven: readonly Replica[];
  /** All whose pod may hold a device, also on their way out. */
  readonly holding: readonly Replica[];
};

function recreate(wish: Wish, fleet: Fleet): Omit<FleetPlan, 'broken'> {
  const create = holdsOutdated(wish, fleet) ? 0 : missing(wish, fleet);
  return { create, going: fleet.outdated.map(because(retirement(wish))) };
}

function roll(wish: Wish, fleet: Fleet, surplus: number): Omit<FleetPlan, 'broken'> {
  const { current, outdated, replaced, proven, holding } = fleet;
  const halted = outdated.length + proven.length > 0 && wish.replicas > 0 ? haltOf([...current, ...replaced]) : undefined;
  const going = halted ? beyondWish(wish, outdated) : retired(wish, current, outdated);
  const limit = wish.replicas + wish.maxSurge;
  const standing = current.length + outdated.length - surplus - going.length;
  const taken = wish.maxSurge === 0 ? holding.length : standing;
  const wanted = Math.min(missing(wish, fleet), halted ? replaced.length : Number.POSITIVE_INFINITY);
  const create = Math.max(0, Math.min(wanted, limit - taken));
  return { create, restore: halted && restoration(wish, fleet, limit - taken - create), going, halted };
}

/** While a rollout is halted, those that served and are gone are made again as they were, as far as there is `room`. */
function restoration({ replicas }: Wish, { current, outdated, proven }: Fleet, room: number): Plan['restore'] {
  const count = Math.min(replicas - outdated.length - current.filter(isLoaded).length, room);
  const [best] = [...Map.groupBy(proven, ({ revision }) => revision)].sort(
    ([a, first], [b, second]) => second.length - first.length || newestOf(second) - newestOf(first) || (a < b ? -1 : 1),
  );
  return best && count > 0 ? { revision: best[0], count } : undefined;
}

function newestOf(replicas: readonly Replica[]): number {
  return Math.max(...replicas.map(({ createdAt }) => createdAt));
}

/** Why the rollout stops: a replica of the new revision that cannot become ready, not one whose node went. */
function haltOf(current: readonly Replica[]): Plan['halted'] {
  const failing = current
    .filter((replica) => isBroken(replica) && !isCircumstance(replica.reason))
    .sort((a, b) => (a.name < b.name ? -1 : 1))[0];
  return failing && { reason: failing.reason ?? failing.phase, message: `${failing.name}: ${failing.message ?? failing.phase}` };
}

/** While a rollout is halted, the old revision shrinks only with what is wanted. */
function beyondWish({ replicas }: Wish, outdated: readonly Replica[]): Removal[] {
  return inVictimOrder(outdated)
    .slice(0, Math.max(0, outdated.length - replicas))
    .map(because('ScaledIn'));
}

/** The outdated replicas that may go now: those that never served, and as many others as the loaded ones can spare. */
function retired(wish: Wish, current: readonly Replica[], outdated: readonly Replica[]): Removal[] {
  const loaded = Math.min(wish.replicas, current.filter(isLoaded).length) + outdated.filter(isLoaded).length;
  // As in a Deployment: a rollout that may neither add nor take away could not move.
  const maxUnavailable = wish.maxSurge === 0 ? Math.max(1, wish.maxUnavailable) : wish.maxUnavailable;
  const spare = loaded - Math.max(0, wish.replicas - maxUnavailable);
  const unloaded = outdated.filter((replica) => !isLoaded(replica));
  // What was restored goes on loading while the new revision tries again.
  const hoped = (replica: Replica) => isPausing(replica) || replica.restored;
  const idle = unloaded.filter((replica) => !hoped(replica));
  const pausing = spare >= 0 ? unloaded.filter(hoped) : [];
  const serving = inVictimOrder(outdated.filter(isLoaded)).slice(0, Math.max(0, spare));
  return [...idle, ...pausing, ...serving].map(because(retirement(wish)));
}

function missing({ replicas }: Wish, { current }: Fleet): number {
  return Math.max(0, replicas - current.length);
}

function holdsOutdated({ revision }: Wish, { holding }: Fleet): boolean {
  return holding.some((replica) => replica.revision !== revision);
}

function retirement({ replicas }: Wish): RemovalReason {
  return replicas === 0 ? 'ScaledIn' : 'Replaced';
}

/** Who goes first: what is broken, what serves nothing, what has least to do, what is youngest; the name decides the rest. */
function inVictimOrder(replicas: readonly Replica[]): Replica[] {
  return [...replicas].sort(
    (a, b) =>
      Number(needsReplacement(b)) - Number(needsReplacement(a)) ||
      Number(isLoaded(a)) - Number(isLoaded(b)) ||
      a.inFlight + a.waiting - (b.inFlight + b.waiting) ||
      b.createdAt - a.createdAt ||
      (a.name < b.name ? -1 : 1),
  );
}

function isLoaded(replica: Replica): boolean {
  return replica.ready && !replica.leaving && !replica.lost;
}

/** It has its model and is not ready for a moment: it will serve again by itself. */
function isPausing(replica: Replica): boolean {
  return !isLoaded(replica) && replica.agent?.phase === 'Ready';
}

function because(reason: RemovalReason): (replica: Replica) => Removal {
  return (replica) => ({ replica, reason });
}

function asBroken(replica: Replica): Removal {
  return { replica, reason: replica.lost ? 'Lost' : replica.finished ? 'Ended' : 'Stalled' };
}
