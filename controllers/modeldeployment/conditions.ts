import type { Condition } from '../../src/api/model-deployment.ts';
import { setCondition } from '../../src/kube/index.ts';
import { artifactsReady, capacityReady, stalled } from './conditions-of-loading.ts';
import { progressing } from './conditions-progressing.ts';
import { degradation } from './status-degraded.ts';
import type { ConditionState, Observation, Trouble } from './status-observation.ts';
import { scalingCondition } from './status-scaling.ts';
import { sentence, stillServing, troubleOf } from './status-trouble.ts';
import type { Tally } from './tally.ts';

/** The conditions of a deployment, those of other writers left alone. */
export function conditionsOf(observed: Observation, count: Tally): Condition[] {
  const { deployment, now } = observed;
  const scaling = scalingCondition(observed, count);
  const states: Record<string, ConditionState> = {
    Accepted: accepted(observed),
    ArtifactsReady: unlessIdle(observed, count, 'Unknown') ?? artifactsReady(observed, count),
    CapacityReady: unlessIdle(observed, count, 'Unknown') ?? capacityReady(observed, count),
    Loaded: loaded(observed, count),
    Ready: ready(observed, count),
    RouteReady: routeReady(observed),
    ...scaling.states,
    Progressing: progressing(observed, count),
    Degraded: degraded(degradation(observed, count)),
    Stalled: stalled(count),
  };
  const observedGeneration = deployment.metadata.generation ?? 0;
  return Object.entries(states).reduce<Condition[]>(
    (conditions, [type, state]) => [...setCondition(conditions, { type, ...state, observedGeneration }, now)],
    [...scaling.before],
  );
}

function accepted({ acceptance }: Observation): ConditionState {
  return acceptance.accepted
    ? { status: 'True', reason: 'Valid', message: 'The spec can be run.' }
    : { status: 'False', reason: acceptance.reason, message: acceptance.message };
}

function loaded(observed: Observation, count: Tally): ConditionState {
  const idle = unlessIdle(observed, count, 'False');
  if (idle) return idle;
  const message = `${of(count.updatedReady, count)} loaded the model.`;
  if (count.updatedReady >= count.desired) return { status: 'True', reason: 'Loaded', message };
  return { status: 'False', ...(advice(observed, count) ?? { reason: 'Loading', message }) };
}

function ready(observed: Observation, count: Tally): ConditionState {
  const idle = unlessIdle(observed, count, 'False');
  if (idle) return idle;
  const message = stillServing(count);
  if (count.ready >= count.desired) return { status: 'True', reason: 'Ready', message };
  return { status: 'False', ...(advice(observed, count) ?? { reason: 'NotEnoughReplicas', message }) };
}

function routeReady({ deployment, taken = [] }: Observation): ConditionState {
  const { name, namespace, deletionTimestamp } = deployment.metadata;
  if (deletionTimestamp !== undefined) return { status: 'False', reason: 'Terminating', message: 'The deployment is being deleted.' };
  if (taken.length === 0) return { status: 'True', reason: 'NamesServed', message: 'Requests reach it by all of its names.' };
  const lost = taken.map((one) => `${one.name} (${one.holder})`).join(', ');
  const message =
    `An older deployment has ${taken.length === 1 ? 'the name' : 'the names'} ${lost}: choose another in serving.names, or take it from the other. ` +
    `${namespace}/${name} works all the same.`;
  return { status: 'False', reason: 'NameTaken', message };
}

function degraded(trouble: Trouble | undefined): ConditionState {
  return trouble ? { status: 'True', ...trouble } : { status: 'False', reason: 'AsWanted', message: 'Nothing that was there is missing.' };
}

/** What keeps replicas from being ready, and what serves meanwhile. */
function advice(observed: Observation, count: Tally): Trouble | undefined {
  const trouble = troubleOf(observed, count);
  return trouble && { reason: trouble.reason, message: `${sentence(trouble.message)} ${stillServing(count)}` };
}

/** The state of what needs replicas where none is made. */
function unlessIdle({ deployment, acceptance }: Observation, count: Tally, status: 'False' | 'Unknown'): ConditionState | undefined {
  if (deployment.metadata.deletionTimestamp !== undefined)
    return { status, reason: 'Terminating', message: 'The deployment is being deleted.' };
  if (!acceptance.accepted && count.ready > 0)
    return { status: 'True', reason: 'StillServing', message: `${count.ready} replicas from before can serve; no other is made.` };
  if (!acceptance.accepted) return { status, reason: acceptance.reason, message: acceptance.message };
  if (acceptance.spec.suspend) return { status, reason: 'Suspended', message: 'spec.suspend is true: no replica runs.' };
  if (count.desired === 0) return { status, reason: 'ScaledToZero', message: 'No replica is wanted.' };
  return undefined;
}

function of(some: number, { desired }: Tally): string {
  return desired === 1 ? `${some} of 1 replica has` : `${some} of ${desired} replicas have`;
}
