import type { LoadingStatus, ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { formatDuration } from '../../src/core/durations.ts';
import type { Observation } from './status-observation.ts';
import type { Tally } from './tally.ts';

type Columns = NonNullable<ModelDeploymentStatus['columns']>;

/** The cells of `kubectl get`, beside the phase. */
export function columnsOf(
  count: Tally,
  loading: LoadingStatus | undefined,
  phase: ModelDeploymentStatus['phase'],
  { nodeClasses, waitingAtGateways }: Pick<Observation, 'nodeClasses' | 'waitingAtGateways'>,
): Columns {
  const nodeClass = nodeClassOf(count, nodeClasses);
  return {
    ready: `${count.ready}/${count.desired}`,
    load: loading ? loadCell(loading, phase) : count.desired > 0 && count.ready > 0 ? '100%' : '-',
    eta: etaCell(loading),
    queue: [...count.standing, ...count.leaving].reduce((sum, replica) => sum + replica.waiting, waitingAtGateways),
    ...(nodeClass !== undefined && { nodeClass }),
  };
}

/** `73% LoadingWeights`; only the percent when the phase column says the same. */
function loadCell(loading: LoadingStatus, phase: ModelDeploymentStatus['phase']): string {
  return loading.phase === phase ? `${loading.percent}%` : `${loading.percent}% ${loading.phase}`;
}

/** What failed or stalls has no time left to tell; what loads may not know it. */
function etaCell(loading: LoadingStatus | undefined): string {
  if (!loading || loading.phase === 'Failed' || loading.phase === 'Stalled') return '-';
  return loading.etaSeconds == null ? '?' : formatDuration(loading.etaSeconds * 1000);
}

function nodeClassOf({ standing, leaving }: Tally, classes: ReadonlyMap<string, string>): string | undefined {
  const replicas = standing.length > 0 ? standing : leaving;
  const found = new Set(replicas.flatMap(({ node }) => (node === undefined ? [] : (classes.get(node) ?? []))));
  const [first] = found;
  return found.size > 1 ? 'mixed' : first;
}
