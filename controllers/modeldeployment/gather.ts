import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { parseDuration } from '../../src/core/durations.ts';
import type { KubeObject, Namespace, Node, Pod, Store } from '../../src/kube/index.ts';
import type { ScalingView } from '../scaling/report.ts';
import { type Acceptance, accept } from './acceptance.ts';
import { type PodTemplate, podTemplate } from './builders/pod.ts';
import { revisionOf } from './builders/revision.ts';
import type { WorkerDefaults } from './builders/worker-image.ts';
import type { ControllerRevision } from './controller-revision.ts';
import type { PendingWrites } from './pending-writes.ts';
import type { PodEvent } from './pod-events.ts';
import { enforcedLevel, type PodSecurityLevel } from './pod-security.ts';
import type { Probe } from './probe.ts';
import { type Replica, readReplica } from './replica.ts';

/** Name of the index of pods by the UID of the object that controls them. */
export const byController = 'controller';

export function controllerUid(object: KubeObject): readonly string[] {
  return object.metadata.ownerReferences?.filter(({ controller }) => controller).map(({ uid }) => uid) ?? [];
}

/** Where a reconcile looks: caches only, never the server. */
export type Sight = {
  readonly deployments: Pick<Store<ModelDeployment>, 'get' | 'byIndex'>;
  readonly pods: Pick<Store<Pod>, 'byIndex'>;
  readonly nodes: Pick<Store<Node>, 'get'>;
  readonly namespaces: Pick<Store<Namespace>, 'get'>;
  /** The history, where it is kept. */
  readonly revisions?: Pick<Store<ControllerRevision>, 'byIndex'> | undefined;
  readonly writes: PendingWrites;
  readonly probe: (uid: string) => Probe | undefined;
  readonly podEvent: (uid: string) => PodEvent | undefined;
  /** How many requests of the deployment with this key wait at gateways; nobody knows when it is left out. */
  readonly waitingAtGateways?: ((key: string) => number) | undefined;
  /** UIDs of the replicas of the deployment with this key that hang by the word of a gateway; nobody knows when it is left out. */
  readonly wedgedReplicas?: ((key: string) => readonly string[]) | undefined;
  /** What is known of the scaling of a deployment. */
  readonly scaling?: ((deployment: ModelDeployment) => ScalingView) | undefined;
  readonly defaults: WorkerDefaults;
};

/** All that a reconcile may know of one deployment. */
export type Seen = {
  readonly deployment: ModelDeployment;
  /** It is being deleted, or its namespace with all that is in it: nothing may be made there any more. */
  readonly ending: boolean;
  readonly acceptance: Acceptance;
  readonly podSecurity: PodSecurityLevel;
  /** What a new replica is made from; undefined when the spec cannot be run. */
  readonly template: PodTemplate | undefined;
  readonly revision: string | undefined;
  readonly replicas: readonly Replica[];
  readonly nodeClasses: ReadonlyMap<string, string>;
  /** Requests that wait at gateways, as far as they are heard. */
  readonly waitingAtGateways: number;
  readonly scaling?: ScalingView | undefined;
  /** How long a replica may finish its requests before it ends. */
  readonly drainTimeoutMs: number;
  /** How long a replica may get no further before it is called stalled. */
  readonly noProgressTimeoutMs: number;
};

// Without a spec that can be read nothing is called stalled, and replicas drain for as long as in a spec that says nothing.
const noTimeout = Number.POSITIVE_INFINITY;
const defaultDrainTimeoutMs = 5 * 60_000;

/** What follows from a spec, its namespace and our defaults alone. */
type Reading = Pick<Seen, 'acceptance' | 'template' | 'revision' | 'podSecurity'> & { readonly defaults: WorkerDefaults };

/** Objects of a cache never change, so what was read of one need not be read again; it goes with the object. */
const readings = new WeakMap<ModelDeployment, Reading>();

function read(deployment: ModelDeployment, podSecurity: PodSecurityLevel, defaults: WorkerDefaults): Reading {
  const known = readings.get(deployment);
  if (known?.podSecurity === podSecurity && known.defaults === defaults) return known;
  const acceptance = accept(deployment, podSecurity);
  const spec = acceptance.accepted ? acceptance.spec : undefined;
  const template = spec && podTemplate(deployment, spec, defaults);
  const revision = spec ? revisionOf(deployment, spec) : deployment.status?.revision;
  const reading = { acceptance, template, revision, podSecurity, defaults };
  readings.set(deployment, reading);
  return reading;
}

/** Collects what is known of the deployment with this key; undefined when it is gone. `now` is in milliseconds. */
export function gather(key: string, sight: Sight, now: number): Seen | undefined {
  const deployment = sight.deployments.get(key);
  if (!deployment) return undefined;
  const namespace = sight.namespaces.get(deployment.metadata.namespace ?? '');
  const { acceptance, template, revision, podSecurity } = read(deployment, enforcedLevel(namespace), sight.defaults);
  const spec = acceptance.accepted ? acceptance.spec : undefined;
  const noProgressTimeoutMs = spec ? parseDuration(spec.rollout.noProgressTimeout) : noTimeout;
  const pods = sight.writes.overlay(key, sight.pods.byIndex(byController, deployment.metadata.uid ?? ''));
  const wedged = sight.wedgedReplicas?.(key) ?? [];
  const onWedge = spec?.health.restartOnWedge ? 'restart' : 'leave';
  const replicas = pods.map((pod) => {
    const { uid = '' } = pod.metadata;
    const node = sight.nodes.get(pod.spec?.nodeName ?? '');
    return readReplica({
      pod,
      probe: sight.probe(uid),
      node,
      event: sight.podEvent(uid),
      noProgressTimeoutMs,
      now,
      ...(wedged.includes(uid) && { onWedge }),
    });
  });
  return {
    deployment,
    ending: (deployment.metadata.deletionTimestamp ?? namespace?.metadata.deletionTimestamp) !== undefined,
    acceptance,
    podSecurity,
    template,
    revision,
    replicas,
    nodeClasses: nodeClassesOf(replicas, sight.nodes),
    waitingAtGateways: sight.waitingAtGateways?.(key) ?? 0,
    scaling: sight.scaling?.(deployment),
    drainTimeoutMs: spec ? parseDuration(spec.rollout.drainTimeout) : defaultDrainTimeoutMs,
    noProgressTimeoutMs,
  };
}

/** The kind of a node: its GPU where one is labelled, else its machine type. */
function nodeClassesOf(replicas: readonly Replica[], nodes: Sight['nodes']): ReadonlyMap<string, string> {
  const classes = new Map<string, string>();
  for (const { node } of replicas) {
    const labels = node === undefined ? undefined : nodes.get(node)?.metadata.labels;
    const found = labels?.['nvidia.com/gpu.product'] ?? labels?.['node.kubernetes.io/instance-type'];
    if (node !== undefined && found !== undefined) classes.set(node, found);
  }
  return classes;
}
