import type { Replica } from './replica.ts';

/** What the plan may know. */
export type Wish = {
  /** The revision that new replicas get. */
  readonly revision: string;
  readonly replicas: number;
  readonly suspend: boolean;
  readonly strategy: 'RollingUpdate' | 'Recreate';
  readonly maxSurge: number;
  readonly maxUnavailable: number;
};

/** Why a replica is ended. */
type RemovalReason = 'Suspended' | 'ScaledIn' | 'Replaced' | 'Deleted' | 'Ended' | 'Stalled' | 'Lost' | 'Drained' | 'DrainTimeout';
export type Removal = { readonly replica: Replica; readonly reason: RemovalReason };

/** What to do now. */
export type Plan = {
  readonly create: number;
  /** Marked to drain: the gateways send nothing new, the agent refuses it, and what runs is finished. */
  readonly drain: readonly Removal[];
  /** Deleted now: never loaded, drained, out of time, ended, stalled or lost. */
  readonly remove: readonly Removal[];
  /** Loaded: autoscalers may move them from now on. */
  readonly unprotect: readonly Replica[];
  /** Nothing more is created or retired because the new revision fails; why. */
  readonly halted?: { readonly reason: string; readonly message: string } | undefined;
};

/** Nothing to do. */
export const noPlan: Plan = { create: 0, drain: [], remove: [], unprotect: [] };

/**
 * Decides which replicas to create and which to end, and why. Pure: the same input gives the same plan.
 * While a new revision loads, the loaded replicas never fall below `replicas - maxUnavailable`, and all replicas never exceed
 * `replicas + maxSurge`. Replicas on their way out count for neither, as in a ReplicaSet.
 */
export function planReplicas(wish: Wish, replicas: readonly Replica[]): Plan {
  const ended = replicas.filter((replica) => replica.finished).map(because('Ended'));
  const standing = replicas.filter((replica) => !replica.finished && !replica.leaving);
  if (wish.suspend) return { ...noPlan, remove: [...ended, ...standing.map(because('Suspended'))] };

  const current = standing.filter((replica) => replica.revision === wish.revision);
  const outdated = standing.filter((replica) => replica.revision !== wish.revision);
  const surplus = inVictimOrder(current)
    .slice(0, Math.max(0, current.length - wish.replicas))
    .map(because('ScaledIn'));
  const missing = Math.max(0, wish.replicas - current.length);

  if (wish.strategy === 'Recreate') {
    const oldOnesLeft = replicas.some((replica) => replica.revision !== wish.revision && !replica.finished);
    return { ...noPlan, create: oldOnesLeft ? 0 : missing, remove: [...ended, ...surplus, ...outdated.map(because('Replaced'))] };
  }
  const room = outdated.length > 0 ? Math.max(0, wish.replicas + wish.maxSurge - standing.length) : missing;
  return { ...noPlan, create: Math.min(missing, room), remove: [...ended, ...surplus, ...retired(wish, current, outdated)] };
}

/** The outdated replicas that may go now: those that serve nothing, and as many loaded ones as the others can spare. */
function retired(wish: Wish, current: readonly Replica[], outdated: readonly Replica[]): Removal[] {
  const loaded = Math.min(wish.replicas, current.filter(isLoaded).length) + outdated.filter(isLoaded).length;
  const spare = Math.max(0, loaded - Math.max(0, wish.replicas - wish.maxUnavailable));
  const idle = outdated.filter((replica) => !isLoaded(replica));
  const loadedVictims = inVictimOrder(outdated.filter(isLoaded)).slice(0, spare);
  return [...idle, ...loadedVictims].map(because(wish.replicas === 0 ? 'ScaledIn' : 'Replaced'));
}

/** Why a replica goes first: it serves nothing, then it has least to do, then it is youngest; the name decides the rest. */
function inVictimOrder(replicas: readonly Replica[]): Replica[] {
  return [...replicas].sort(
    (a, b) =>
      Number(isLoaded(a)) - Number(isLoaded(b)) ||
      a.inFlight + a.waiting - (b.inFlight + b.waiting) ||
      b.createdAt - a.createdAt ||
      (a.name < b.name ? -1 : 1),
  );
}

function isLoaded(replica: Replica): boolean {
  return replica.ready;
}

function because(reason: RemovalReason): (replica: Replica) => Removal {
  return (replica) => ({ replica, reason });
}
