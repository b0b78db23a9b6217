import type { Affinity, Container, PodSpec, Probe, TopologySpreadConstraint } from 'kubernetes-types/core/v1.js';
import type { ModelDeployment, ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { labels, protectionAnnotations } from '../../../src/api/resources.ts';
import { defaultHttpPort, defaultManagementPort, httpPortName, managementPortName } from '../../../src/core/agent-contract.ts';
import { parseDuration } from '../../../src/core/durations.ts';
import type { Draft, Pod } from '../../../src/kube/index.ts';
import { workerArguments } from './arguments.ts';
import { ownerReference } from './owner.ts';
import { workerVolumes } from './volumes.ts';
import { pullSecrets, type WorkerDefaults, workerImage } from './worker-image.ts';

/** What every replica of a deployment has in common. */
export type PodTemplate = { readonly labels: Readonly<Record<string, string>>; readonly spec: PodSpec };

/** Time after the drain for the engine to end and the kubelet to notice. */
const graceAfterDrainSeconds = 10;
const user = 65_532; // "nonroot" of distroless images

/** The pod that runs one replica of a model; `defaults` hold where the spec says nothing. */
export function podTemplate(deployment: ModelDeployment, spec: ResolvedSpec, defaults: WorkerDefaults): PodTemplate {
  const { name } = deployment.metadata;
  const { placement, rollout } = spec;
  return {
    labels: {
      [labels.model]: name,
      [labels.name]: 'modelfleet-worker',
      [labels.instance]: name,
      [labels.component]: 'worker',
      [labels.managedBy]: 'modelfleet',
    },
    spec: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: Math.ceil(parseDuration(rollout.drainTimeout) / 1000) + graceAfterDrainSeconds,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
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
      containers: [workerContainer(name, spec, defaults)],
      volumes: workerVolumes(name, spec).map(({ volume }) => volume),
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
};

/** The pod to create for one more replica. */
export function buildPod(deployment: ModelDeployment, template: PodTemplate, { name, revision, onOneNode }: PodIdentity): Draft<Pod> {
  const { spec } = template;
  return {
    metadata: {
      name,
      namespace: deployment.metadata.namespace ?? '',
      labels: { ...template.labels, [labels.revision]: revision },
      annotations: { ...protectionAnnotations },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: onOneNode ? { ...spec, affinity: besideReplicas(deployment.metadata.name, spec.affinity) } : spec,
  };
}

function workerContainer(name: string, spec: ResolvedSpec, defaults: WorkerDefaults): Container {
  const { engine, model } = spec;
  return {
    name: 'worker',
    ...workerImage(spec, defaults),
    args: workerArguments(name, spec),
    ...(engine.env && { env: engine.env }),
    ...(model.secretRef && { envFrom: [{ secretRef: { name: model.secretRef.name } }] }),
    ports: [
      { name: httpPortName, containerPort: defaultHttpPort, protocol: 'TCP' },
      { name: managementPortName, containerPort: defaultManagementPort, protocol: 'TCP' },
    ],
    resources: resourcesOf(spec.resources),
    // The agent's port is up within a second, long before the model: so these ask for the agent, and only /readyz for the model.
    startupProbe: { ...ask('/livez'), periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...ask('/livez'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: { ...ask('/readyz'), periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 3 },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: workerVolumes(name, spec).map(({ mount }) => mount),
  };
}

function ask(path: string): Probe {
  return { httpGet: { path, port: managementPortName } };
}

function resourcesOf({ gpu, requests, limits }: ResolvedSpec['resources']): Container['resources'] & object {
  const text = (quantities: Readonly<Record<string, string | number>>) =>
    Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, String(quantity)]));
  const allLimits = { ...text(limits ?? {}), ...(gpu && { [gpu.resource]: String(gpu.count) }) };
  return { ...(requests && { requests: text(requests) }), ...(Object.keys(allLimits).length > 0 && { limits: allLimits }) };
}

/**
 * Draws a replica to the node that has the volume, so that a rollout does not wait for a volume that cannot move.
 * Preferred only: when that node is lost, the volume follows the replica.
 */
function besideReplicas(name: string, affinity: Affinity = {}): Affinity {
  const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { [labels.model]: name } } };
  const { podAffinity } = affinity;
  const preferred = podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
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
