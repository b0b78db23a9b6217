import { type LoadingStatus, type ModelDeploymentStatus, type ReplicaStatus, servedNames } from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import { conditionsOf } from './conditions.ts';
import { learn } from './load-times.ts';
import type { Replica } from './replica.ts';
import { columnsOf } from './status-columns.ts';
import { failuresSeen } from './status-failures.ts';
import type { Observation } from './status-observation.ts';
import { phaseOf } from './status-phase.ts';
import { scalingOf } from './status-scaling.ts';
import { isBroken, slowestFirst, type Tally, tally } from './tally.ts';

const maxReplicaStatuses = 32;

/** The status of a deployment. Pure; the order of `replicas` does not matter. */
export function statusOf(observed: Observation): ModelDeploymentStatus {
  const { deployment, acceptance, revision, previous, gatewayUrl, lessons = [] } = observed;
  const replicas = withoutRegress(observed.replicas, previous);
  const count = tally(acceptance, revision, replicas);
  const deleted = deployment.metadata.deletionTimestamp !== undefined;
  const loading = deleted ? undefined : loadingOf(count);
  const phase = phaseOf(observed, count);
  const isLoaded = acceptance.accepted && count.desired > 0 && count.updatedReady >= count.desired;
  const loadedRevision = isLoaded ? revision : previous?.loadedRevision;
  const loadTimes = lessons.reduce<NonNullable<ModelDeploymentStatus['loadTimes']>>(learn, [...(previous?.loadTimes ?? [])]);
  const failures = failuresSeen(observed, count);
  const scaling = scalingOf(observed, count);
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    phase,
    replicas: count.standing.length,
    readyReplicas: count.ready,
    updatedReplicas: count.updated.length,
    selector: `${labels.model}=${deployment.metadata.name}`,
    ...(revision !== undefined && { revision }),
    ...(loadedRevision !== undefined && { loadedRevision }),
    ...(gatewayUrl !== undefined && { endpoint: `${gatewayUrl.replace(/\/+$/, '')}/v1` }),
    models: [...servedNames(deployment)],
    ...(loading && { loading }),
    replicaStatuses: [...replicas].sort(slowestFirst).slice(0, maxReplicaStatuses).map(replicaStatus),
    ...(scaling && { scaling }),
    ...(loadTimes.length > 0 && { loadTimes }),
    ...(failures.length > 0 && { failures: [...failures] }),
    conditions: conditionsOf(observed, count),
    columns: columnsOf(count, loading, phase, observed),
  };
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
    etaSeconds: etaOf(slowest),
    slowestReplica: slowest.name,
    ...(agent && { startedAt: agent.startedAt, lastProgressAt: agent.lastProgressAt }),
  };
}

type Bytes = 'bytesDone' | 'bytesTotal' | 'bytesPerSecond';

function known(field: Bytes, agent: Replica['agent']): { readonly [name in Bytes]?: number } {
  const value = whole(agent?.[field]);
  return value === null ? {} : { [field]: value };
}

function etaOf(replica: Replica): number | null {
  if (replica.ready) return 0;
  return isBroken(replica) || replica.leaving ? null : whole(replica.etaSeconds);
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
    etaSeconds: etaOf(replica),
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
