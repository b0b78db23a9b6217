import type { Acceptance } from './acceptance.ts';
import { isGone } from './replacements.ts';
import type { Replica } from './replica.ts';

/** Counts that summary, conditions and columns are made from. */
export type Tally = {
  /** 0 while suspended. */
  readonly desired: number;
  /** Replicas that are neither on their way out nor lost. */
  readonly standing: readonly Replica[];
  /** Those of the current revision. */
  readonly updated: readonly Replica[];
  /** All of older revisions that are still there, also on their way out. */
  readonly outdated: readonly Replica[];
  /** Of the current revision, ended for good or lost, as long as nothing has taken their place. */
  readonly gone: readonly Replica[];
  /** On their way out; nobody waits for lost ones. */
  readonly leaving: readonly Replica[];
  readonly ready: number;
  readonly updatedReady: number;
  /** The updated replica that is furthest from Ready, when one is not ready. */
  readonly slowest: Replica | undefined;
};

/** Counts the replicas that matter; `revision` is the current one. */
export function tally(acceptance: Acceptance, revision: string | undefined, replicas: readonly Replica[]): Tally {
  const desired = acceptance.accepted && !acceptance.spec.suspend ? acceptance.spec.replicas : 0;
  const here = replicas.filter((replica) => !isGone(replica));
  const standing = here.filter((replica) => !replica.leaving);
  const updated = standing.filter((replica) => replica.revision === revision);
  return {
    desired,
    standing,
    updated,
    outdated: here.filter((replica) => replica.revision !== revision),
    gone: standing.length < desired ? replicas.filter((replica) => isGone(replica) && replica.revision === revision) : [],
    leaving: here.filter((replica) => replica.leaving),
    ready: standing.filter((replica) => replica.ready).length,
    updatedReady: updated.filter((replica) => replica.ready).length,
    // Surplus replicas on the way do not count: of the wanted ones the last to be ready governs.
    slowest: [...updated]
      .sort(slowestFirst)
      .slice(Math.max(0, updated.length - desired))
      .find((replica) => !replica.ready),
  };
}

/** Whether a replica cannot become ready by itself. */
export function isBroken(replica: Replica): boolean {
  return replica.phase === 'Failed' || replica.phase === 'Stalled';
}

/** Whether a replica is about to serve: it has a node, or only just none, and gets on. */
export function isOnTheWay(replica: Replica): boolean {
  const isStuck = isBroken(replica) || (replica.phase === 'Pending' && replica.reason !== undefined);
  return !replica.ready && !replica.leaving && !isGone(replica) && !isStuck;
}

/** Replicas that are going come last: nobody waits for them. */
export function slowestFirst(a: Replica, b: Replica): number {
  const eta = (replica: Replica) => replica.etaSeconds ?? Number.POSITIVE_INFINITY;
  return (
    Number(a.leaving) - Number(b.leaving) ||
    Number(a.ready) - Number(b.ready) ||
    a.percent - b.percent ||
    (eta(a) === eta(b) ? 0 : eta(b) - eta(a)) ||
    (a.name < b.name ? -1 : 1)
  );
}
