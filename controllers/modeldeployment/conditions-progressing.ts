import type { Replica } from './replica.ts';
import { haltOf } from './status-degraded.ts';
import type { ConditionState, Observation } from './status-observation.ts';
import { sentence, stillServing, troubleOf } from './status-trouble.ts';
import type { Tally } from './tally.ts';

/** The reason of Progressing once all is as the spec says. */
export const rolloutComplete = 'RolloutComplete';
/** The reason of Progressing until a changed spec is carried out. */
export const newRevision = 'NewRevision';

/** Whether the deployment moves towards what its spec says, and if not, whether that is because it is there or cannot. */
export function progressing(observed: Observation, count: Tally): ConditionState {
  const { deployment, acceptance } = observed;
  if (deployment.metadata.deletionTimestamp !== undefined)
    return { status: 'True', reason: 'Terminating', message: farewell([...count.leaving, ...count.standing], 'It is deleted.') };
  if (!acceptance.accepted) return { status: 'False', reason: acceptance.reason, message: acceptance.message };
  const halt = count.desired > 0 ? haltOf(observed, count) : undefined;
  if (halt) return { status: 'False', ...halt };
  const trouble = troubleOf(observed, count);
  if (trouble) return { status: 'False', reason: trouble.reason, message: `${sentence(trouble.message)} ${stillServing(count)}` };
  return { ...moving(observed, count) };
}

function moving({ previous, revision }: Observation, count: Tally): ConditionState {
  const { desired, standing, updatedReady, outdated, leaving } = count;
  const replaces = previous?.loadedRevision !== undefined && previous.loadedRevision !== revision;
  if (desired > 0 && (outdated.length > 0 || (replaces && updatedReady < desired)))
    return {
      status: 'True',
      reason: newRevision,
      message: `${updatedReady} of ${desired} replicas are loaded in revision ${revision}, ${outdated.length} of an older one remain.`,
    };
  if (standing.length !== desired)
    return { status: 'True', reason: 'Scaling', message: `${standing.length} replicas exist, ${desired} are wanted.` };
  if (updatedReady < desired)
    return { status: 'True', reason: 'Loading', message: `${updatedReady} of ${desired} replicas have loaded the model.` };
  if (leaving.length > 0) return { status: 'True', reason: 'Draining', message: farewell(leaving, 'They go.') };
  return { status: 'False', reason: rolloutComplete, message: 'Everything is as the spec says.' };
}

/** What is waited for before replicas go. */
function farewell(going: readonly Replica[], otherwise: string): string {
  const busy = going.filter((replica) => requests(replica) > 0).sort((a, b) => requests(b) - requests(a));
  if (busy.length > 0) {
    const total = busy.reduce((sum, replica) => sum + requests(replica), 0);
    const where = busy.slice(0, 5).map((replica) => `${replica.name} (${requests(replica)})`);
    return `Waits until ${total} running ${total === 1 ? 'request is' : 'requests are'} answered, at most rollout.drainTimeout: ${where.join(', ')}.`;
  }
  return going.length > 0 ? `Waits until ${going.length === 1 ? `pod ${going[0]?.name} is` : `${going.length} pods are`} gone.` : otherwise;
}

function requests({ inFlight, waiting }: Replica): number {
  return inFlight + waiting;
}
