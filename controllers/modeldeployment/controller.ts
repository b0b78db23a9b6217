import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { labels, modelDeploymentResource } from '../../src/api/resources.ts';
import type { Logger } from '../../src/core/logger.ts';
import {
  type Change,
  Controller,
  type ControllerMetrics,
  forType,
  type Informer,
  type InformerCache,
  type KubeClient,
  keyOf,
  labelsChanged,
  lately,
  namespaces,
  nodes,
  owns,
  type Pod,
  pods,
  refKey,
  type Source,
  urgently,
  watches,
} from '../../src/kube/index.ts';
import { demandSource } from '../demand/demand-source.ts';
import type { DemandWatch } from '../demand/demand-watch.ts';
import type { WorkerReports } from '../demand/worker-reports.ts';
import type { ScalingMetrics } from '../scaling/metrics.ts';
import { Scaling } from '../scaling/scaling.ts';
import { fetchStatus, requestDrain } from './agent-client.ts';
import type { WorkerDefaults } from './builders/worker-image.ts';
import { Duties, watchDuties } from './duties.ts';
import { byController, controllerUid, type Sight } from './gather.ts';
import { byLearnedModel, learnedModels } from './load-times.ts';
import { byPublicName, namesakes, publicNames } from './names.ts';
import { byNode, nodeOf, nodeTurned, replicaOwnersOn } from './nodes-of-replicas.ts';
import { PendingWrites } from './pending-writes.ts';
import { PodEvents } from './pod-events.ts';
import { probeSource } from './probe-source.ts';
import { type FetchStatus, type RequestDrain, StatusProber } from './prober.ts';
import { type ReconcilerOptions, reconciler } from './reconcile.ts';
import { slimPod } from './slim-pod.ts';
import { modelDeployments } from './status-writer.ts';

export type ModelDeploymentControllerOptions = Omit<ReconcilerOptions, 'duties' | 'scaling'> &
  WorkerDefaults & {
    readonly client: KubeClient;
    readonly cache: InformerCache;
    /** The only namespace to look at; all unless given. */
    readonly namespace?: string | undefined;
    /** How to ask agents; over HTTP unless told. */
    readonly fetchStatus?: FetchStatus | undefined;
    /** How to tell agents to drain; over HTTP unless told how to ask them. */
    readonly requestDrain?: RequestDrain | undefined;
    /** Knows what waits at gateways; who made it runs it. */
    readonly demand?: Pick<DemandWatch, 'of' | 'all' | 'subscribe'> | undefined;
    /** Hears what the agents answer. */
    readonly reports?: WorkerReports | undefined;
    readonly logger: Logger;
    readonly metrics?: ControllerMetrics | undefined;
    readonly scalingMetrics?: ScalingMetrics | undefined;
    /** Deployments in work at a time; 8 unless told: an API server that is asked more at once answers no more, only later (docs/adr/0007). */
    readonly concurrency?: number | undefined;
    /** How many of them may be others than those whose spec nobody has acted on; 3 unless told. */
    readonly ordinaryConcurrency?: number | undefined;
  };

const byNamespace = 'namespace';

/**
 * A controller that gives every ModelDeployment its replicas and its status. The informers of `cache` must run.
 * Everything that it remembers is its own: the one of the next term of leadership begins with what the cluster says.
 */
export function modelDeploymentController(options: ModelDeploymentControllerOptions): Controller {
  const { cache, clock, demand, reports, logger, metrics } = options;
  const scope = options.namespace === undefined ? {} : { namespace: options.namespace };
  const indexers = { [byNamespace]: namespaceOf, [byPublicName]: publicNames, [byLearnedModel]: learnedModels };
  const deployments = cache.informer(modelDeployments, { ...scope, indexers });
  const replicas = cache.informer(pods, {
    ...scope,
    labelSelector: labels.model,
    transform: slimPod,
    indexers: { [byController]: controllerUid, [byNode]: nodeOf },
  });
  const places = cache.informer(namespaces, options.namespace === undefined ? {} : { fieldSelector: `metadata.name=${options.namespace}` });
  const { fetchStatus: ask, requestDrain: drain } = options;
  const agents = ask ? { fetchStatus: ask, requestDrain: drain } : { fetchStatus, requestDrain: drain ?? requestDrain };
  const prober = new StatusProber({ ...agents, reports, clock, logger });
  const troubles = new PodEvents(cache, replicas, options.namespace);
  const machines = cache.informer(nodes);
  const writes = new PendingWrites(clock);
  const owed = watchDuties(cache, scope, replicas);
  const duties = new Duties({ ...owed.sight, writes }, options);
  const scaling = new Scaling(cache, scope, deployments, { ...options, metrics: options.scalingMetrics });
  const sight: Sight = {
    deployments: deployments.store,
    pods: replicas.store,
    nodes: machines.store,
    namespaces: places.store,
    revisions: owed.sight.revisions,
    writes,
    probe: (uid) => prober.latest(uid),
    podEvent: (uid) => troubles.latest(uid),
    waitingAtGateways: demand && ((key) => demand.of(key).waiting),
    wedgedReplicas: demand && ((key) => demand.of(key).wedged ?? []),
    scaling: (deployment) => scaling.view(deployment),
    defaults: options,
  };
  return new Controller({
    name: 'modeldeployment',
    reconcile: reconciler(sight, { ...options, duties, scaling }),
    sources: [
      goneReplicas(replicas, writes), // first: it must know before the owner is looked at
      urgently(forType(deployments, isUnseen)),
      forType(deployments),
      namesakes(deployments),
      owns(replicas, modelDeploymentResource),
      watches(places, ({ metadata }) => deployments.store.byIndex(byNamespace, metadata.name).map(keyOf), labelsChanged),
      watches(machines, ({ metadata }) => replicaOwnersOn(replicas.store, metadata.name), nodeTurned),
      lately(troubles.source()),
      ...owed.sources,
      ...scaling.sources,
      probeSource(replicas, prober),
      ...(demand ? [demandSource(demand, clock)] : []),
    ],
    concurrency: options.concurrency ?? 8,
    ordinaryConcurrency: options.ordinaryConcurrency ?? 3,
    reconcileTimeoutMs: 60_000,
    clock,
    logger,
    metrics,
  });
}

/** A spec that nobody has acted on comes before all that happens to replicas: somebody waits for it, also among a thousand at a start. */
function isUnseen(change: Change<ModelDeployment>): boolean {
  const { generation } = change.object.metadata;
  if (change.type === 'delete' || (change.type === 'update' && change.old.metadata.generation === generation)) return false;
  return generation !== change.object.status?.observedGeneration;
}

function namespaceOf({ metadata }: ModelDeployment): readonly string[] {
  return [metadata.namespace ?? ''];
}

/** Tells `writes` of every replica that goes, while the controller runs; enqueues nothing itself. */
function goneReplicas(replicas: Informer<Pod>, writes: PendingWrites): Source {
  return {
    start: () =>
      replicas.addHandler({
        delete: (pod) => {
          for (const owner of pod.metadata.ownerReferences ?? [])
            writes.gone(refKey({ namespace: pod.metadata.namespace, name: owner.name }), pod.metadata.uid ?? '');
        },
      }),
    synced: (signal) => replicas.synced(signal),
  };
}
