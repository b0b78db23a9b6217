import { isAsleep } from '../api/asleep.ts';
import { type ModelDeployment, servedNames, servingLimits } from '../api/model-deployment.ts';
import { isReplicaReady, replicaAdapters, replicaEndpoint } from '../api/replica.ts';
import { labels, modelDeploymentResource, tenantResource } from '../api/resources.ts';
import type { Tenant } from '../api/tenant.ts';
import { isFailureReason } from '../core/reasons.ts';
import { findCondition, type InformerCache, keyOf, type Pod, pods, resourceType } from '../kube/index.ts';
import type { Fleet } from './fleet.ts';
import type { Identities } from './identity/identities.ts';
import type { Availability, ModelSpec } from './ports.ts';

const modelDeployments = resourceType<ModelDeployment>(modelDeploymentResource);
const tenants = resourceType<Tenant>(tenantResource);

/** What the gateway follows in the cluster. */
type Watch = {
  /** What has not been read yet, for people. Empty from the first time on that everything has been: a cluster that is gone later takes nothing back. */
  waitingFor(): readonly string[];
  /** Stops following. */
  stop(): void;
};

/** Keeps a fleet and who may call equal to what the cluster holds. Whoever owns the cache runs it. */
export function watchCluster(cache: InformerCache, fleet: Fleet, identities: Identities, namespace?: string): Watch {
  const scope = namespace === undefined ? {} : { namespace };
  const informers = {
    models: cache.informer(modelDeployments, scope),
    pods: cache.informer(pods, { ...scope, labelSelector: labels.model }),
    tenants: cache.informer(tenants),
  };
  const setModel = (deployment: ModelDeployment) => {
    if (deployment.metadata.deletionTimestamp !== undefined) fleet.deleteModel(keyOf(deployment));
    else fleet.setModel(modelSpec(deployment));
  };
  const setTenant = ({ metadata: { name }, spec }: Tenant) => identities.set(name, spec);

  const removals = [
    informers.models.addHandler({ add: setModel, update: setModel, delete: (gone) => fleet.deleteModel(keyOf(gone)) }),
    informers.tenants.addHandler({ add: setTenant, update: setTenant, delete: (gone) => identities.delete(gone.metadata.name) }),
    informers.pods.addHandler({
      add: (pod) => setPod(fleet, pod),
      update: (pod, old) => {
        if (podId(old) !== podId(pod) || modelKey(old) !== modelKey(pod)) deletePod(fleet, old);
        setPod(fleet, pod);
      },
      delete: (pod) => deletePod(fleet, pod),
    }),
  ];
  return {
    waitingFor: () => Object.values(informers).flatMap((informer) => informer.waitingFor ?? []),
    stop: () => {
      for (const remove of removals) remove();
    },
  };
}

/** What the data plane needs of a deployment. */
function modelSpec(deployment: ModelDeployment): ModelSpec {
  const key = keyOf(deployment);
  const { loading } = deployment.status ?? {};
  return {
    key,
    names: servedNames(deployment).filter((name) => name !== key),
    createdAt: Date.parse(deployment.metadata.creationTimestamp ?? '') || 0,
    limits: servingLimits(deployment),
    adapters: deployment.spec.model.adapters?.map(({ name }) => name),
    servesResponses: deployment.spec.engine?.type === 'VLLM',
    availability: availabilityOf(deployment),
    labels: deployment.metadata.labels,
    loading: loading && { phase: loading.phase, percent: loading.percent, etaSeconds: loading.etaSeconds ?? undefined },
  };
}

/** Failures that pass by themselves, because the replica is started again, replaced or given a node: waiting a little may help. */
const passing: readonly string[] = [
  'EngineCrashed',
  'EngineWedged',
  'NoProgress',
  'NodeLost',
  'Evicted',
  'Preempted',
  'SourceUnreachable',
  'SourceRateLimited',
  // A cluster that adds nodes when pods need them begins with a pod that has none: so does each wake from zero there.
  'Unschedulable',
];

/** Phases that lead to no answer. */
const hopeless: readonly string[] = ['Failed', 'Stalled', 'Draining'];

/**
 * A failure that needs a person's hand ends the waiting, unless another replica is on its way without trouble; anything else may
 * still load. The phase is for people and is not read.
 */
function availabilityOf(deployment: ModelDeployment): Availability {
  const { spec, status } = deployment;
  if (spec.suspend) return 'suspended';
  const conditions = status?.conditions ?? [];
  if (findCondition(conditions, 'Accepted')?.status === 'False') return 'failed';
  // Who calls a model that sleeps wakes it; how its last load went says nothing about the next.
  if (spec.replicas === 0) return isAsleep(deployment) ? 'serving' : 'scaledToZero';
  const progressing = findCondition(conditions, 'Progressing');
  if (progressing?.status !== 'False' || !isFailureReason(progressing.reason) || passing.includes(progressing.reason)) return 'serving';
  const hopeful = status?.replicaStatuses?.some(({ phase, reason }) => reason === undefined && !hopeless.includes(phase));
  return hopeful ? 'serving' : 'failed';
}

function setPod(fleet: Fleet, pod: Pod): void {
  const key = modelKey(pod);
  if (key === undefined) return;
  const endpoint = replicaEndpoint(pod);
  if (!endpoint) {
    deletePod(fleet, pod);
    return;
  }
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  fleet.setReplica(key, {
    id: podId(pod),
    name: pod.metadata.name,
    origin: `http://${host}:${endpoint.httpPort}`,
    ready: isReplicaReady(pod),
    adapters: replicaAdapters(pod),
  });
}

function deletePod(fleet: Fleet, pod: Pod): void {
  const key = modelKey(pod);
  if (key !== undefined) fleet.deleteReplica(key, podId(pod));
}

function modelKey({ metadata }: Pod): string | undefined {
  const model = metadata.labels?.[labels.model];
  return model === undefined ? undefined : `${metadata.namespace}/${model}`;
}

function podId({ metadata }: Pod): string {
  return metadata.uid ?? keyOf({ metadata });
}
