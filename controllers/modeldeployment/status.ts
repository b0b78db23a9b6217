import {
  type LoadingStatus,
  type ModelDeployment,
  type ModelDeploymentStatus,
  type ReplicaStatus,
  servedNames,
} from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import { formatDuration } from '../../src/core/durations.ts';
import type { Acceptance } from './acceptance.ts';
import { conditionsOf } from './conditions.ts';
import { isOnLadder } from './progress.ts';
import type { Replica } from './replica.ts';
import { isBroken, slowestFirst, type Tally, tally } from './tally.ts';

/** All that the status follows from. */
export type Observation = {
  readonly deployment: ModelDeployment;
  readonly acceptance: Acceptance;
  /** Undefined when the spec could not be read. */
  readonly revision: string | undefined;
  readonly replicas: readonly Replica[];
  /** The status before: progress never goes back, and transition times stay. */
  readonly previous: ModelDeploymentStatus | undefined;
  /** Kind of each node, by name, where it is known. */
  readonly nodeClasses: ReadonlyMap<string, string>;
  /** Address of the gateway, without `/v1`. */
  readonly gatewayUrl: string | undefined;
  readonly obstacle?: Obstacle | undefined;
  readonly now: number;
};

/** Why replicas could not be created or ended just now. */
export type Obstacle = {
  readonly reason: string;
  readonly message: string;
  /** Somebody must change something; trying again does not help. */
  readonly refused: boolean;
};

const maxReplicaStatuses = 32;

/** The status of a deployment. Pure; the order of `replicas` does not matter. */
export function statusOf(observed: Observation): ModelDeploymentStatus {
  const { deployment, acceptance, revision, previous, gatewayUrl } = observed;
  const replicas = withoutRegress(observed.replicas, previous);
  const count = tally(acceptance, revision, replicas);
  const loading = loadingOf(count);
  const nodeClass = nodeClassOf(count.standing, observed.nodeClasses);
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    phase: phaseOf(observed, count),
    replicas: count.standing.length,
    readyReplicas: count.ready,
    updatedReplicas: count.updated.length,
    selector: `${labels.model}=${deployment.metadata.name}`,
    ...(revision !== undefined && { revision }),
    ...(gatewayUrl !== undefined && { endpoint: `${gatewayUrl.replace(/\/+$/, '')}/v1` }),
    models: [...servedNames(deployment)],
    ...(loading && { loading }),
    replicaStatuses: [...replicas].sort(slowestFirst).slice(0, maxReplicaStatuses).map(replicaStatus),
    ...(previous?.scaling && { scaling: previous.scaling }),
    conditions: conditionsOf(observed, count),
    columns: {
      ready: `${count.ready}/${count.desired}`,
      load: loading ? loadCell(loading) : count.desired > 0 && count.ready > 0 ? '100%' : '-',
      eta: !loading || loading.phase === 'Failed' ? '-' : loading.etaSeconds == null ? '?' : formatDuration(loading.etaSeconds * 1000),
      queue: count.standing.reduce((sum, replica) => sum + replica.waiting, 0),
      ...(nodeClass !== undefined && { nodeClass }),
    },
  };
}

/** A summary for people. Programs read the conditions. */
function phaseOf({ deployment, acceptance, obstacle }: Observation, count: Tally): NonNullable<ModelDeploymentStatus['phase']> {
  if (deployment.metadata.deletionTimestamp) return 'Terminating';
  if (!acceptance.accepted) return count.ready > 0 ? 'Degraded' : 'Failed';
  if (acceptance.spec.suspend) return 'Suspended';
  if (count.desired === 0) return 'ScaledToZero';
  if (count.ready >= count.desired) return 'Ready';
  const broken = count.updated.filter(isBroken).length;
  const refused = obstacle?.refused === true;
  if (count.ready > 0) return broken > 0 || refused ? 'Degraded' : 'Loading';
  if ((broken > 0 || refused) && broken === count.updated.length) return 'Failed';
  return count.updated.some(({ phase }) => phase !== 'Pending') ? 'Loading' : 'Pending';
}

function loadingOf({ slowest }: Tally): LoadingStatus | undefined {
  if (!slowest) return undefined;
  const { agent } = slowest;
  return {
    phase: slowest.phase,
    percent: slowest.percent,
    ...known('bytesDone', agent),
    ...known('bytesTotal', agent),
    ...known('bytesPerSecond', agent),
    etaSeconds: isBroken(slowest) ? null : whole(agent?.etaSeconds),
    slowestReplica: slowest.name,
    ...(agent && { startedAt: agent.startedAt, lastProgressAt: agent.lastProgressAt }),
  };
}

type Bytes = 'bytesDone' | 'bytesTotal' | 'bytesPerSecond';

function known(field: Bytes, agent: Replica['agent']): { readonly [name in Bytes]?: number } {
  const value = whole(agent?.[field]);
  return value === null ? {} : { [field]: value };
}

/** The wire has whole numbers. An unknown one is null; a part of a second left is a second. */
function whole(value: number | null | undefined): number | null {
  return value == null ? null : Math.max(0, Math.ceil(value));
}

function replicaStatus(replica: Replica): ReplicaStatus {
  return {
    name: replica.name,
    ...(replica.node !== undefined && { node: replica.node }),
    revision: replica.revision,
    phase: replica.phase,
    percent: replica.percent,
    etaSeconds: replica.ready ? 0 : isBroken(replica) ? null : whole(replica.agent?.etaSeconds),
    restarts: replica.restarts,
    ...(replica.reason !== undefined && { reason: replica.reason }),
    ...(replica.message !== undefined && { message: replica.message }),
  };
}

/** A percent never goes back while one container loads; a container that starts anew, or loads again after Ready, begins again. */
function withoutRegress(replicas: readonly Replica[], previous: ModelDeploymentStatus | undefined): readonly Replica[] {
  const before = new Map((previous?.replicaStatuses ?? []).map((status) => [status.name, status]));
  return replicas.map((replica) => {
    const last = before.get(replica.name);
    const sameLoad = last && last.restarts === replica.restarts && last.phase !== 'Ready' && !replica.leaving && !replica.finished;
    return sameLoad && last.percent > replica.percent ? { ...replica, percent: last.percent } : replica;
  });
}

function nodeClassOf(replicas: readonly Replica[], classes: ReadonlyMap<string, string>): string | undefined {
  const found = new Set(replicas.flatMap(({ node }) => (node === undefined ? [] : (classes.get(node) ?? []))));
  const [first] = found;
  return found.size > 1 ? 'mixed' : first;
}

/** `73% LoadingWeights`; only the percent when the phase column tells the rest. */
function loadCell({ percent, phase }: LoadingStatus): string {
  return isOnLadder(phase) ? `${percent}% ${phase}` : `${percent}%`;
}
