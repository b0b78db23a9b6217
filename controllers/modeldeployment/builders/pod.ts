import { createHash } from 'node:crypto';
import type { Container, PodSpec, Probe, TopologySpreadConstraint } from 'kubernetes-types/core/v1.js';
import type { ModelDeployment, ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { labels } from '../../../src/api/resources.ts';
import { defaultHttpPort, defaultManagementPort, httpPortName, managementPortName } from '../../../src/core/agent-contract.ts';
import { parseDuration } from '../../../src/core/durations.ts';
import type { Draft, Pod } from '../../../src/kube/index.ts';
import { workerArguments } from './arguments.ts';
import { ownerReference } from './owner.ts';
import { workerVolumes } from './volumes.ts';

/** All of a pod that follows from the spec: two deployments with equal templates run alike. */
export type PodTemplate = { readonly labels: Readonly<Record<string, string>>; readonly spec: PodSpec };

/** Time after the drain for the engine to end and the kubelet to notice. */
const graceAfterDrainSeconds = 10;
const user = 65_532; // "nonroot" of distroless images

/** The pod that runs one replica of a model. Pure; `workerImage` is used unless the spec names an image. */
export function podTemplate(deployment: ModelDeployment, spec: ResolvedSpec, workerImage: string): PodTemplate {
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
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [workerContainer(name, spec, workerImage)],
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

/** A short name for what a template says, the same for equal templates whatever the order of their fields. */
export function revisionOf(template: PodTemplate): string {
  return createHash('sha256').update(canonicalJson(template)).digest('hex').slice(0, 10);
}

/** The pod to create for one more replica. */
export function buildPod(deployment: ModelDeployment, template: PodTemplate, revision: string, name: string): Draft<Pod> {
  return {
    metadata: {
      name,
      namespace: deployment.metadata.namespace ?? '',
      labels: { ...template.labels, [labels.revision]: revision },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: template.spec,
  };
}

function workerContainer(name: string, spec: ResolvedSpec, workerImage: string): Container {
  const { engine, model } = spec;
  return {
    name: 'worker',
    image: engine.image ?? workerImage,
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

function spreadOverNodes(name: string): TopologySpreadConstraint {
  return {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: { [labels.model]: name } },
  };
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}
