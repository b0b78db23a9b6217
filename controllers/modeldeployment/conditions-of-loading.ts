import { findCondition } from '../../src/kube/index.ts';
import { isOnLadder, rankOf } from './progress.ts';
import type { Replica } from './replica.ts';
import type { ConditionState, Observation } from './status-observation.ts';
import { inTrouble, tellTrouble } from './status-trouble.ts';
import type { Tally } from './tally.ts';

/** Failures of getting the files of the model; all others come before or after. */
const artifactReasons: readonly string[] = [
  'SourceUnauthorized',
  'SourceNotFound',
  'SourceRateLimited',
  'SourceUnreachable',
  'SourceUntrusted',
  'OutOfDisk',
  'CacheNotWritable',
  'CacheClaimTaken',
  'VolumeUnavailable',
  'ChecksumMismatch',
];

/** Whether every replica of the current revision has the files of the model. */
export function artifactsReady({ previous, revision, obstacle }: Observation, { updated }: Tally): ConditionState {
  if (obstacle && artifactReasons.includes(obstacle.reason)) return { status: 'False', reason: obstacle.reason, message: obstacle.message };
  const failing = inTrouble(updated).find(({ reason }) => artifactReasons.includes(reason ?? ''));
  if (failing) return { status: 'False', ...tellTrouble(failing, updated) };
  const fetching = updated.filter((replica) => hasFiles(replica) === false);
  if (fetching.length > 0)
    return { status: 'False', reason: 'Fetching', message: `${fetching.length} of ${updated.length} replicas do not have all files yet.` };
  if (updated.length > 0 && updated.every(hasFiles))
    return { status: 'True', reason: 'Fetched', message: 'All files are there and checked.' };
  // Who failed later may have had them: then that was told before.
  const before = previous?.revision === revision ? findCondition(previous?.conditions, 'ArtifactsReady') : undefined;
  return before?.status === 'True'
    ? before
    : { status: 'Unknown', reason: 'NothingKnown', message: 'A replica that failed does not tell of its files.' };
}

/** Undefined when a replica that fails does not tell. */
function hasFiles({ ready, phase, agent }: Replica): boolean | undefined {
  if (ready) return true;
  const rung = phase === 'Stalled' && agent ? agent.phase : phase;
  return isOnLadder(rung) ? rankOf(rung) >= rankOf('LoadingWeights') : undefined;
}

/** Whether there is a place for every replica that is wanted. */
export function capacityReady({ obstacle }: Observation, { standing, desired }: Tally): ConditionState {
  const homeless = standing.filter(({ node }) => node === undefined);
  const stuck = inTrouble(homeless)[0];
  if (stuck) return { status: 'False', ...tellTrouble(stuck, homeless) };
  if (obstacle?.refused && standing.length < desired) return { status: 'False', reason: obstacle.reason, message: obstacle.message };
  if (homeless.length > 0)
    return { status: 'False', reason: 'Scheduling', message: `${homeless.length} of ${standing.length} replicas wait for a node.` };
  if (standing.length < desired)
    return {
      status: 'False',
      reason: 'Creating',
      message: `${standing.length} of ${desired} replicas have a node; the others are not there yet.`,
    };
  return { status: 'True', reason: 'Placed', message: 'Every replica has a node.' };
}

/** Whether a replica makes no progress: where, since when, and its last words. */
export function stalled({ standing }: Tally): ConditionState {
  const still = standing.filter(({ phase }) => phase === 'Stalled');
  const [first] = still;
  if (!first) return { status: 'False', reason: 'Moving', message: 'No replica stalls.' };
  return { status: 'True', ...tellTrouble(first, still) };
}
