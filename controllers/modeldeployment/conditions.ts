import type { Condition, ModelDeployment } from '../../src/api/model-deployment.ts';
import { setCondition } from '../../src/kube/index.ts';
import type { Acceptance } from './acceptance.ts';
import { isBroken, type Tally } from './tally.ts';

type State = Pick<Condition, 'status' | 'reason' | 'message'>;

/** What the conditions follow from, beside the counts. */
type Case = {
  readonly deployment: ModelDeployment;
  readonly acceptance: Acceptance;
  readonly previous: { readonly conditions?: readonly Condition[] } | undefined;
  /** Why replicas could not be created or ended just now. */
  readonly obstacle?: Pick<State, 'reason' | 'message'> | undefined;
  readonly now: number;
};

/** The conditions of a deployment, those of other writers left alone. */
export function conditionsOf(observed: Case, count: Tally): Condition[] {
  const { deployment, acceptance, previous, now } = observed;
  const states: Record<string, State> = {
    Accepted: accepted(acceptance),
    Loaded: loaded(observed, count),
    Ready: ready(observed, count),
    Progressing: progressing(observed, count),
  };
  const observedGeneration = deployment.metadata.generation ?? 0;
  return Object.entries(states).reduce<Condition[]>(
    (conditions, [type, state]) => [...setCondition(conditions, { type, ...state, observedGeneration }, now)],
    [...(previous?.conditions ?? [])],
  );
}

function accepted(acceptance: Acceptance): State {
  return acceptance.accepted
    ? { status: 'True', reason: 'Valid', message: 'The spec can be run.' }
    : { status: 'False', reason: acceptance.reason, message: acceptance.message };
}

function loaded(observed: Case, count: Tally): State {
  const idle = idleState(observed, count);
  if (idle) return idle;
  if (count.updatedReady >= count.desired)
    return { status: 'True', reason: 'Loaded', message: `${of(count.updatedReady, count)} have loaded the model.` };
  return { status: 'False', ...troubleOr('Loading', observed, count, `${of(count.updatedReady, count)} have loaded the model.`) };
}

function ready(observed: Case, count: Tally): State {
  const idle = idleState(observed, count);
  if (idle) return idle;
  if (count.ready >= count.desired) return { status: 'True', reason: 'Ready', message: `${of(count.ready, count)} can serve.` };
  return { status: 'False', ...troubleOr('NotEnoughReplicas', observed, count, `${of(count.ready, count)} can serve.`) };
}

function progressing({ deployment, acceptance, obstacle }: Case, count: Tally): State {
  if (!acceptance.accepted) return { status: 'False', reason: acceptance.reason, message: acceptance.message };
  if (deployment.metadata.deletionTimestamp) return { status: 'True', reason: 'Terminating', message: 'Replicas are ending.' };
  const outdated = count.standing.length - count.updated.length;
  const trouble = troubleOf(obstacle, count);
  if (trouble) return { status: 'False', ...trouble };
  if (outdated > 0)
    return {
      status: 'True',
      reason: 'RollingOut',
      message: `${count.updatedReady} of ${count.desired} replicas are of the new revision, ${outdated} of an older one remain.`,
    };
  if (count.standing.length !== count.desired)
    return { status: 'True', reason: 'Scaling', message: `${count.standing.length} replicas exist, ${count.desired} are wanted.` };
  if (count.updatedReady < count.desired)
    return { status: 'True', reason: 'Loading', message: `${of(count.updatedReady, count)} have loaded the model.` };
  return { status: 'False', reason: 'Complete', message: 'Everything is as the spec says.' };
}

/** The state of Loaded and Ready where no replica is made. */
function idleState({ deployment, acceptance }: Case, count: Tally): State | undefined {
  if (deployment.metadata.deletionTimestamp) return { status: 'False', reason: 'Terminating', message: 'The deployment is being deleted.' };
  if (!acceptance.accepted && count.ready > 0)
    return { status: 'True', reason: 'StillServing', message: `${count.ready} replicas from before can serve; no other is made.` };
  if (!acceptance.accepted) return { status: 'False', reason: acceptance.reason, message: acceptance.message };
  if (acceptance.spec.suspend) return { status: 'False', reason: 'Suspended', message: 'spec.suspend is true: no replica runs.' };
  if (count.desired === 0) return { status: 'False', reason: 'ScaledToZero', message: 'No replica is wanted.' };
  return undefined;
}

/** Why replicas are not there, or what the worst of the current revision says if one is broken or cannot go on. */
function troubleOf(obstacle: Case['obstacle'], count: Tally): Pick<State, 'reason' | 'message'> | undefined {
  if (obstacle) return { reason: obstacle.reason, message: obstacle.message };
  const worst = count.updated.find(isBroken) ?? count.updated.find((replica) => !replica.ready && replica.reason !== undefined);
  if (!worst) return undefined;
  return { reason: worst.reason ?? worst.phase, message: `${worst.name}: ${worst.message ?? worst.phase}` };
}

function troubleOr(reason: string, { obstacle }: Case, count: Tally, message: string): Pick<State, 'reason' | 'message'> {
  return troubleOf(obstacle, count) ?? { reason, message };
}

function of(some: number, { desired }: Tally): string {
  return `${some} of ${desired} replicas`;
}
