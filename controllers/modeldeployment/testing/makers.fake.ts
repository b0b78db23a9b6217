import type { ModelDeployment, ModelDeploymentSpec } from '../../../src/api/model-deployment.ts';
import type { AgentStatus } from '../../../src/core/agent-contract.ts';
import type { Namespace, Pod } from '../../../src/kube/index.ts';
import type { Replica } from '../replica.ts';

export const t0 = Date.UTC(2026, 0, 1);

/** A small world for tests: each maker gives something ordinary, changed by what matters in the test. */
export function deployment(spec: Partial<ModelDeploymentSpec> = {}, metadata: Partial<ModelDeployment['metadata']> = {}): ModelDeployment {
  return {
    apiVersion: 'modelfleet.dev/v1alpha1',
    kind: 'ModelDeployment',
    metadata: { name: 'qwen', namespace: 'models', uid: 'uid-qwen', generation: 1, resourceVersion: '1', ...metadata },
    spec: { model: { source: 'hf://Qwen/Qwen3-4B' }, ...spec },
  };
}

export function agent(fields: Partial<AgentStatus> = {}): AgentStatus {
  return {
    contract: 1,
    phase: 'LoadingWeights',
    percent: 50,
    bytesDone: 50,
    bytesTotal: 100,
    bytesPerSecond: 10,
    etaSeconds: 5,
    startedAt: '2026-01-01T00:00:00Z',
    lastProgressAt: '2026-01-01T00:00:01Z',
    reason: null,
    message: null,
    model: 'qwen',
    engine: 'llama',
    device: null,
    inFlight: 0,
    waiting: 0,
    draining: false,
    ...fields,
  };
}

/** The namespace of the others, enforcing this level of the Pod Security Standards if any. */
export function namespace(level?: string, ending = false): Namespace {
  const labels = level === undefined ? {} : { 'pod-security.kubernetes.io/enforce': level };
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'models', labels, ...(ending && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
  };
}

type PodFields = { readonly metadata?: Partial<Pod['metadata']>; readonly spec?: Partial<Pod['spec']>; readonly status?: Pod['status'] };

/** A pod whose container runs; `readyPod` is one that is ready too. */
export function pod(name = 'qwen-aaaaa', { metadata, spec, status }: PodFields = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'models',
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'modelfleet.dev/model': 'qwen', 'modelfleet.dev/revision': 'v1' },
      ownerReferences: [
        { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name: 'qwen', uid: 'uid-qwen', controller: true },
      ],
      ...metadata,
    },
    spec: { nodeName: 'node-1', containers: [{ name: 'worker' }], ...spec },
    status: status ?? {
      phase: 'Running',
      podIP: '10.0.0.1',
      containerStatuses: [container({ running: {} })],
    },
  };
}

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

export function container(state: ContainerStatus['state'] & object, fields: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name: 'worker', image: 'worker', imageID: '', ready: false, restartCount: 0, state, ...fields };
}

export function readyPod(name?: string): Pod {
  return pod(name, {
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [container({ running: {} }, { ready: true })],
    },
  });
}

let made = 0;

export function replica(fields: Partial<Replica> = {}): Replica {
  made += 1;
  const name = fields.name ?? `qwen-${String(made).padStart(5, '0')}`;
  return {
    name,
    uid: `uid-${name}`,
    node: 'node-1',
    revision: 'v1',
    createdAt: t0,
    phase: 'LoadingWeights',
    percent: 75,
    restarts: 0,
    reason: undefined,
    message: undefined,
    ready: false,
    leaving: false,
    drainingSince: undefined,
    terminating: false,
    lost: false,
    protected: false,
    restored: false,
    etaSeconds: null,
    running: true,
    finished: false,
    wedged: false,
    inFlight: 0,
    waiting: 0,
    agent: undefined,
    ...fields,
  };
}

export const loaded = (fields: Partial<Replica> = {}) => replica({ phase: 'Ready', percent: 100, ready: true, ...fields });
export const failed = (reason: string, fields: Partial<Replica> = {}) =>
  replica({ phase: 'Failed', percent: 0, reason, message: `It said ${reason}.`, ...fields });
