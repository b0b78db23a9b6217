import type { ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { findCondition } from '../../src/kube/index.ts';
import type { Observation, Trouble } from './status-observation.ts';
import { sentence, stillServing, troubleOf } from './status-trouble.ts';
import { slowestFirst, type Tally } from './tally.ts';

/** What is remembered, and announced, of a revision that is rolled out no further. */
export const rolloutHalted = 'RolloutHalted';

/** Why less is there than was or should be, though something is; undefined when nothing is amiss. */
export function degradation(observed: Observation, count: Tally): Trouble | undefined {
  const { deployment, acceptance } = observed;
  if (deployment.metadata.deletionTimestamp !== undefined) return undefined;
  if (!acceptance.accepted)
    return count.ready > 0 ? { reason: acceptance.reason, message: `${sentence(acceptance.message)} ${stillThere(count)}` } : undefined;
  if (count.desired === 0) return undefined;
  const halt = haltOf(observed, count);
  if (halt) return { reason: halt.reason, message: haltMessage(observed, halt, count) };
  if (count.ready >= needed(observed, count)) return undefined;
  const trouble = troubleOf(observed, count);
  const shortened = hasLost(observed, count);
  if (trouble && (count.ready > 0 || shortened)) return { ...trouble, message: `${sentence(trouble.message)} ${stillServing(count)}` };
  return shortened ? { reason: 'ReplicasMissing', message: missingMessage(count) } : undefined;
}

/**
 * Why the rollout goes no further. It stays so while the failing replica is tried again, until one more of the revision is loaded:
 * else every try of a crash loop would look like a recovery.
 */
export function haltOf({ halted, previous, revision }: Observation, count: Tally): Trouble | undefined {
  if (halted) return halted;
  if (!previous || previous.revision !== revision || count.outdated.length === 0) return undefined;
  const wasHalted = findCondition(previous.conditions, 'Degraded')?.status === 'True' && knowsHalt(previous);
  if (!wasHalted) return undefined;
  const loadedBefore = (previous.replicaStatuses ?? []).filter((one) => one.revision === revision && one.phase === 'Ready').length;
  const progressing = findCondition(previous.conditions, 'Progressing');
  return progressing && count.updatedReady <= loadedBefore ? { reason: progressing.reason, message: progressing.message } : undefined;
}

function knowsHalt({ failures }: ModelDeploymentStatus): boolean {
  return failures?.some(({ reason }) => reason === rolloutHalted) === true;
}

/** Loaded replicas without which something is amiss: a rollout may take some away for a while. */
function needed({ acceptance }: Observation, { desired, outdated }: Tally): number {
  if (!acceptance.accepted || outdated.length === 0) return desired;
  const { strategy, maxSurge, maxUnavailable } = acceptance.spec.rollout;
  if (strategy === 'Recreate') return 0;
  return Math.max(0, desired - (maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable));
}

/** Whether replicas that were loaded are not any more, now or since a while. */
function hasLost({ previous }: Observation, count: Tally): boolean {
  return (previous?.readyReplicas ?? 0) > count.ready || findCondition(previous?.conditions, 'Degraded')?.status === 'True';
}

/** Why a rollout is halted, what serves, and the two ways on. */
export function haltMessage({ deployment, revision }: Observation, halt: Trouble, count: Tally): string {
  const { name, namespace } = deployment.metadata;
  const way = `Correct the spec, or go back: kubectl modelfleet rollback ${name} -n ${namespace}.`;
  return `Revision ${revision} is rolled out no further. ${sentence(halt.message)} ${stillServing(count)} ${way}`;
}

function missingMessage(count: Tally): string {
  const [slowest] = [...count.updated].filter((replica) => !replica.ready).sort(slowestFirst);
  return slowest ? `${stillServing(count)} ${slowest.name} is on its way.` : stillServing(count);
}

function stillThere({ ready }: Tally): string {
  return ready === 1 ? '1 replica from before can serve; no other is made.' : `${ready} replicas from before can serve; no other is made.`;
}
