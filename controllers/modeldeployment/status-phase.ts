import type { ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { degradation } from './status-degraded.ts';
import type { Observation } from './status-observation.ts';
import { isBroken, type Tally } from './tally.ts';

/** A summary for people. Programs read the conditions. */
export function phaseOf(observed: Observation, count: Tally): NonNullable<ModelDeploymentStatus['phase']> {
  const { deployment, acceptance, obstacle } = observed;
  if (deployment.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (!acceptance.accepted) return count.ready > 0 ? 'Degraded' : 'Failed';
  if (acceptance.spec.suspend) return 'Suspended';
  if (count.desired === 0) return 'ScaledToZero';
  if (count.ready > 0 && degradation(observed, count)) return 'Degraded';
  if (count.ready >= count.desired) return 'Ready';
  if (count.ready > 0) return 'Loading';
  const broken = count.updated.filter(isBroken).length;
  if ((broken > 0 || obstacle?.refused === true) && broken === count.updated.length) return 'Failed';
  return count.updated.some(({ phase }) => phase !== 'Pending') ? 'Loading' : 'Pending';
}
