import type { Affinity, TopologySpreadConstraint } from 'kubernetes-types/core/v1.js';
import type { ModelDeployment, ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { annotations, labels, protectionAnnotations } from '../../../src/api/resources.ts';
import { parseDuration } from '../../../src/core/durations.ts';
import type { Draft, Pod } from '../../../src/kube/index.ts';
import { injectedAgent } from './injected-agent.ts';
import { ownerReference } from './owner.ts';
import { overlaid, type PodTemplate } from './template.ts';
import { workerVolumes } from './volumes.ts';
import { workerContainer } from './worker-container.ts';
import { pullSecrets, type WorkerDefaults } from './worker-image.ts';
import { podClaims } from './worker-resources.ts';

export type { PodTemplate } from './template.ts';

/** Time after the drain for the engine to end and the kubelet to notice. */
const graceAfterDrainSeconds = 10;
const user = 65_532; // "nonroot" of distroless images

/**
 * The pod that runs one replica of a model; `defaults` hold where the spec says nothing, and the user's template has the last word.
 * Throws for a template that `templateProblem` finds wrong.
 */
export function podTemplate(deployment: ModelDeployment, spec: ResolvedSpec, defaults: WorkerDefaults): PodTemplate {
  const own = operatorsTemplate(deployment, spec, defaults);
  if (!spec.template) return own;
  const { pod, problem } = overlaid(own, spec.template);
  if (!pod) throw new Error(problem);
  return pod;
}

/** What the user's template would take from the operator's pod, and what to do about it; undefined when it can be used. */
export function templateProblem(deployment: ModelDeployment, spec: ResolvedSpec): string | undefined {
  return spec.template && overlaid(operatorsTemplate(deployment, spec, { workerImage: 'any' }), spec.template).problem;
}

function operatorsTemplate(deployment: ModelDeployment, spec: ResolvedSpec, defaults: WorkerDefaults): PodTemplate {
  const { name } = deployment.metadata;
  const { placement, rollout } = spec;
  const { adapters = [] } = spec.model;
  const agent = injectedAgent(spec, defaults);
  return {
    labels: {
      [labels.model]: name,
      [labels.name]: 'modelfleet-worker',
      [labels.instance]: name,
      [labels.component]: 'worker',
      [labels.managedBy]: 'modelfleet',
    },
    annotations: adapters.length === 0 ? {} : { [annotations.adapters]: adapters.map((adapter) => adapter.name).join() },
    spec: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: Math.ceil(parseDuration(rollout.drainTimeout) / 1000) + graceAfterDrainSeconds,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // A process 1 ignores a SIGTERM that it does not handle yet: a pod deleted while its worker starts would stay for its whole grace.
      shareProcessNamespace: true,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: user,
        runAsGroup: user,
        fsGroup: user,
        // A cache may hold hundreds of files, and a source be slow to walk: once they are ours, they stay so.
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...pullSecrets(defaults),
      ...(agent && { initContainers: [agent.initContainer] }),
      containers: [workerContainer(name, spec, defaults)],
      volumes: [...workerVolumes(name, spec).map(({ volume }) => volume), ...(agent ? [agent.volume] : [])],
      ...podClaims(spec.resources),
      ...(placement.nodeSelector && { nodeSelector: placement.nodeSelector }),
      ...(placement.tolerations && { tolerations: placement.tolerations }),
      ...(placement.affinity && { affinity: placement.affinity }),
      ...(placement.priorityClassName !== undefined && { priorityClassName: placement.priorityClassName }),
      ...(placement.runtimeClassName !== undefined && { runtimeClassName: placement.runtimeClassName }),
      ...(placement.topologySpread && { topologySpreadConstraints: [spreadOverNodes(name)] }),
    },
  };
}

/** What one replica has for itself. */
export type PodIdentity = {
  readonly name: string;
  readonly revision: string;
  /** Whether its cache is on a volume that one node has at a time. */
  readonly onOneNode: boolean;
  /** It is made again in an older revision. */
  readonly restored?: boolean;
};

/** The pod to create for one more replica. */
export function buildPod(deployment: ModelDeployment, template: PodTemplate, identity: PodIdentity): Draft<Pod> {
  const { name, revision, onOneNode, restored } = identity;
  const { spec } = template;
  return {
    metadata: {
      name,
      namespace: deployment.metadata.namespace ?? '',
      labels: { ...template.labels, [labels.revision]: revision },
      annotations: { ...template.annotations, ...protectionAnnotations, ...(restored && { [annotations.restored]: 'true' }) },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: onOneNode ? { ...spec, affinity: besideReplicas(deployment.metadata.name, spec.affinity) } : spec,
  };
}

/**
 * Draws a replica to the node that has the volume, so that a rollout does not wait for a volume that cannot move.
 * Preferred only: when that node is lost, the volume follows the replica.
 */
function besideReplicas(name: string, affinity: Affinity = {}): Affinity {
  const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { [labels.model]: name } } };
  const { podAffinity } = affinity;
  const preferred: unknown = podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  if (!Array.isArray(preferred)) return affinity; // handed through unread: the server says what is wrong with it
  const beside = { weight: 100, podAffinityTerm: term };
  return { ...affinity, podAffinity: { ...podAffinity, preferredDuringSchedulingIgnoredDuringExecution: [...preferred, beside] } };
}

function spreadOverNodes(name: string): TopologySpreadConstraint {
  return {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: { [labels.model]: name } },
  };
}
