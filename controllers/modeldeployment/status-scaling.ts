import type { ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { type ScalingReport, scalingActive, scalingStatus, valueDueMs } from '../scaling/report.ts';
import type { Observation } from './status-observation.ts';
import { type Tally, tally } from './tally.ts';

type Observed = Pick<Observation, 'deployment' | 'acceptance' | 'scaling' | 'previous' | 'now'>;
type Counted = Pick<Tally, 'standing' | 'leaving'>;

/** What the scaling of a deployment is told from; undefined when nothing is known of it. */
function scalingReport({ deployment, acceptance, scaling: view, previous, now }: Observed, count: Counted): ScalingReport | undefined {
  if (!acceptance.accepted || !view) return undefined;
  const atWorkers = [...count.standing, ...count.leaving].reduce((sum, { inFlight, waiting }) => sum + inFlight + waiting, 0);
  return { deployment, spec: acceptance.spec, view, standing: count.standing.length, atWorkers, previous: previous?.scaling, now };
}

/** `status.scaling`; as before while nothing is known. */
export function scalingOf(observed: Observed, count: Counted) {
  const report = scalingReport(observed, count);
  return report ? scalingStatus(report) : observed.previous?.scaling;
}

/** The conditions from before that may stay, and ScalingActive where something scales. */
export function scalingCondition(observed: Observed, count: Counted) {
  const report = scalingReport(observed, count);
  const before = observed.previous?.conditions ?? [];
  const state = report && scalingActive(report);
  return {
    before: report && !state ? before.filter(({ type }) => type !== 'ScalingActive') : before,
    states: state ? { ScalingActive: state } : {},
  };
}

/** In how many milliseconds `status.scaling` must be told again though nothing else changes; undefined when it says what is. */
export function scalingDueMs(
  observed: Pick<Observation, 'deployment' | 'acceptance' | 'scaling' | 'revision' | 'replicas'>,
  told: ModelDeploymentStatus,
  now: number,
): number | undefined {
  const report = scalingReport({ ...observed, previous: told, now }, tally(observed.acceptance, observed.revision, observed.replicas));
  return report && valueDueMs(report);
}
