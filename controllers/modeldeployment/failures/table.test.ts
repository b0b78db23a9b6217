import { describe, expect, test } from 'vitest';
import { type FailureReason, reasons } from '../../../src/core/reasons.ts';
import type { Pod } from '../../../src/kube/index.ts';
import { agent, container, pod, readyPod, t0 } from '../testing/makers.fake.ts';
import { crashed, disrupted, ended, event, node, signals, unscheduled, waiting } from './signals.fake.ts';
import type { Signals } from './signals.ts';
import { diagnose, failureTable } from './table.ts';

type Sample = {
  /** The row of the table that this is about. */
  readonly row: string;
  readonly reason: FailureReason;
  readonly seen: Partial<Signals>;
  /** A part of the message. */
  readonly says: string;
};

const of = (row: string, reason: FailureReason, seen: Pod | Partial<Signals>, says: string): Sample => ({
  row,
  reason,
  seen: 'kind' in seen ? { pod: seen } : seen,
  says,
});

const rpc = 'rpc error: code = Unknown desc = ';
const oci = 'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: ';
const hook = `${oci}unable to start container process: error during container init: error running prestart hook #0: exit status 1, stderr: `;
const creating = waiting('ContainerCreating');
const later = t0 + 300_000;
const settingUp = pod('p', {
  status: {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: new Date(t0).toISOString() }],
    containerStatuses: [container({ waiting: { reason: 'ContainerCreating' } })],
  },
});

/** Real words of kubelets (1.29 to 1.35), containerd, the scheduler, the NVIDIA container toolkit and engines. */
const samples: readonly Sample[] = [
  of(
    'pod reason Evicted, storage',
    'OutOfDisk',
    ended(
      'Evicted',
      'The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 9Gi. Container worker was using 40Gi.',
    ),
    'evicted (Evicted). The node was low on resource: ephemeral-storage',
  ),
  of(
    'pod reason Evicted, storage',
    'OutOfDisk',
    ended('Evicted', 'Usage of EmptyDir volume "cache" exceeds the limit "1Gi". '),
    'EmptyDir',
  ),
  of('pod reason Evicted, storage', 'OutOfDisk', ended('Evicted', 'The node had condition: [DiskPressure]. '), 'DiskPressure'),
  of(
    'pod reason Evicted, memory',
    'HostOutOfMemory',
    ended(
      'Evicted',
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. Container worker was using 3Gi, request is 0.',
    ),
    'low on resource: memory',
  ),
  of('pod reason Evicted, anything else', 'Evicted', ended('Evicted', 'The node was low on resource: pids.'), 'low on resource: pids'),
  of('pod reason Preempting', 'Preempted', ended('Preempting', 'Preempted in order to admit critical pod'), 'critical pod'),
  of(
    'pod reason UnexpectedAdmissionError, a device',
    'DeviceMissing',
    ended(
      'UnexpectedAdmissionError',
      'Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. Requested: 1, Available: 0, which is unexpected',
    ),
    'devices unavailable for nvidia.com/gpu',
  ),
  of(
    'pod reason OutOfnvidia.com/gpu',
    'DeviceMissing',
    ended('OutOfnvidia.com/gpu', "Pod was rejected: Node didn't have enough resource: nvidia.com/gpu, requested: 1, used: 0, capacity: 0"),
    'enough resource: nvidia.com/gpu',
  ),
  of(
    'pod reason OutOfcpu, NodeAffinity, TopologyAffinityError and such',
    'Unschedulable',
    ended('OutOfcpu', "Pod was rejected: Node didn't have enough resource: cpu, requested: 4000, used: 3500, capacity: 6000"),
    'enough resource: cpu',
  ),
  of(
    'pod reason OutOfcpu, NodeAffinity, TopologyAffinityError and such',
    'Unschedulable',
    ended('NodeAffinity', "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"),
    'NodeAffinity failed',
  ),
  of(
    'pod reason OutOfcpu, NodeAffinity, TopologyAffinityError and such',
    'Unschedulable',
    ended('TopologyAffinityError', 'Pod was rejected: Resources cannot be allocated with Topology locality'),
    'Topology locality',
  ),
  of(
    'pod reason NodeLost, Terminated',
    'NodeLost',
    ended('Terminated', 'Pod was terminated in response to imminent node shutdown.'),
    'imminent node shutdown',
  ),
  of(
    'condition DisruptionTarget, PreemptionByScheduler',
    'Preempted',
    disrupted('PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod'),
    'higher priority pod',
  ),
  of(
    'condition DisruptionTarget, DeletionByPodGC',
    'NodeLost',
    disrupted('DeletionByPodGC', 'PodGC: node no longer exists'),
    'no longer exists',
  ),
  of(
    'condition DisruptionTarget, DeletionByTaintManager',
    'Evicted',
    disrupted('DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint'),
    'NoExecute taint',
  ),
  of(
    'condition DisruptionTarget, EvictionByEvictionAPI',
    'Evicted',
    disrupted('EvictionByEvictionAPI', 'Eviction API: evicting'),
    'drains the node',
  ),
  of(
    'condition DisruptionTarget, TerminationByKubelet',
    'Evicted',
    disrupted('TerminationByKubelet', 'The node was low on resource: pids. '),
    'The kubelet ended the pod',
  ),
  of(
    'pod terminating beyond its grace, or its node gone',
    'NodeLost',
    { pod: pod('p', { metadata: { deletionTimestamp: new Date(t0).toISOString() } }), node: undefined },
    'node node-1 is gone',
  ),
  of(
    'condition Ready of the node not True',
    'NodeLost',
    { node: node('Unknown') },
    'Node node-1 is not ready (NodeStatusUnknown). Kubelet stopped',
  ),
  of(
    'condition PodScheduled, only volumes in the way',
    'VolumeUnavailable',
    unscheduled('0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found'),
    'unbound immediate PersistentVolumeClaims',
  ),
  of(
    'condition PodScheduled, a device is wanting',
    'Unschedulable',
    {
      pod: {
        ...unscheduled(
          '0/3 nodes are available: 1 node(s) had untolerated taint {gpu: }, 2 Insufficient nvidia.com/gpu. preemption: 0/3 nodes',
        ),
        spec: { containers: [{ name: 'worker', resources: { limits: { 'nvidia.com/gpu': '2' } } }] },
      },
    },
    'No node has 2 nvidia.com/gpu free: 0/3 nodes are available',
  ),
  of(
    'condition PodScheduled, a device is wanting',
    'Unschedulable',
    unscheduled('0/3 nodes are available: 3 cannot allocate all claims. still not schedulable'),
    'No node has the devices that its claims ask for',
  ),
  of(
    'condition PodScheduled, anything else',
    'Unschedulable',
    unscheduled("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."),
    'node affinity/selector. No node has room',
  ),
  of(
    'waiting InvalidImageName',
    'ImagePullFailed',
    waiting(
      'InvalidImageName',
      'Failed to apply default image tag "Worker:": couldn\'t parse image name "Worker:": invalid reference format',
    ),
    'invalid reference format',
  ),
  of(
    'waiting ErrImagePull, ImagePullBackOff, 401 or 403',
    'ImagePullFailed',
    waiting(
      'ErrImagePull',
      `${rpc}failed to pull and unpack image "x/w:1": failed to resolve reference "x/w:1": failed to authorize: failed to fetch anonymous token: unexpected status from GET request: 401 Unauthorized`,
    ),
    'does not give to these credentials (ErrImagePull)',
  ),
  of(
    'waiting ErrImagePull, ImagePullBackOff, 401 or 403',
    'ImagePullFailed',
    waiting(
      'ImagePullBackOff',
      'Back-off pulling image "x/w:1": ErrImagePull: pull access denied, repository does not exist or may require authorization',
    ),
    'pull access denied',
  ),
  of(
    'waiting ErrImagePull, ImagePullBackOff, 404',
    'ImagePullFailed',
    waiting(
      'ErrImagePull',
      'rpc error: code = NotFound desc = failed to pull and unpack image "x/w:9": failed to resolve reference "x/w:9": x/w:9: not found',
    ),
    'the registry does not have',
  ),
  of(
    'waiting ErrImagePull, ImagePullBackOff and such',
    'ImagePullFailed',
    waiting('ImagePullBackOff', `Back-off pulling image "x/w:1": ErrImagePull: ${rpc}dial tcp: lookup registry.test: no such host`),
    'no such host',
  ),
  of(
    'waiting CreateContainerConfigError, a Secret or ConfigMap',
    'ReferenceNotFound',
    waiting('CreateContainerConfigError', 'secret "hf-token" not found'),
    'secret "hf-token" not found. The pod refers to a Secret',
  ),
  of(
    'waiting CreateContainerConfigError, a Secret or ConfigMap',
    'ReferenceNotFound',
    waiting('CreateContainerConfigError', "couldn't find key TOKEN in Secret models/hf"),
    "couldn't find key TOKEN",
  ),
  of(
    'waiting CreateContainerConfigError, anything else',
    'ContainerCannotStart',
    waiting('CreateContainerConfigError', 'container has runAsNonRoot and image will run as root (pod: "p_models(u)", container: worker)'),
    'runAsNonRoot',
  ),
  of(
    'waiting RunContainerError and such, words of a driver',
    'DriverIncompatible',
    waiting(
      'RunContainerError',
      `${hook}nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver: unknown`,
    ),
    'cuda>=12.8',
  ),
  of(
    'waiting RunContainerError and such, words of a device or CDI',
    'DeviceMissing',
    waiting('CreateContainerError', 'failed to generate spec: CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=GPU-1'),
    'unresolvable CDI devices',
  ),
  of(
    'waiting RunContainerError, CreateContainerError and such',
    'ContainerCannotStart',
    waiting('RunContainerError', `${oci}exec: "worker": executable file not found in $PATH: unknown`),
    'The worker cannot be started (RunContainerError)',
  ),
  of(
    'wedged in /stats of a gateway',
    'EngineWedged',
    { pod: readyPod('p'), onWedge: 'restart' },
    'not a byte has come to a gateway for health.wedgeTimeout',
  ),
  of('terminated OOMKilled', 'HostOutOfMemory', crashed({ exitCode: 137, reason: 'OOMKilled' }), 'ended with SIGKILL (exit code 137)'),
  of(
    'terminated StartError, words of a driver',
    'DriverIncompatible',
    crashed({
      exitCode: 128,
      reason: 'StartError',
      message: `${hook}nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown`,
    }),
    'driver not loaded',
  ),
  of(
    'terminated StartError, words of a device or CDI',
    'DeviceMissing',
    crashed({ exitCode: 128, reason: 'StartError', message: `${hook}nvidia-container-cli: device error: 7: unknown device: unknown` }),
    'unknown device',
  ),
  of(
    'terminated StartError',
    'ContainerCannotStart',
    crashed({ exitCode: 128, reason: 'StartError', message: `${oci}exec: "/bin/worker": permission denied: unknown` }),
    'permission denied',
  ),
  of(
    'event FailedMount, a Secret or ConfigMap',
    'ReferenceNotFound',
    { pod: creating, event: event('FailedMount', 'MountVolume.SetUp failed for volume "ca" : configmap "ca-bundle" not found') },
    'configmap "ca-bundle" not found',
  ),
  of(
    'event FailedMount, FailedAttachVolume',
    'VolumeUnavailable',
    {
      pod: creating,
      event: event('FailedAttachVolume', 'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node'),
    },
    'Multi-Attach error',
  ),
  of(
    'event FailedPrepareDynamicResources',
    'DeviceMissing',
    {
      pod: creating,
      event: event(
        'FailedPrepareDynamicResources',
        'Failed to prepare dynamic resources: NodePrepareResources failed for claim models/gpu',
      ),
    },
    'NodePrepareResources failed',
  ),
  of(
    'event FailedCreatePodSandBox, words of a driver',
    'DriverIncompatible',
    { pod: creating, event: event('FailedCreatePodSandBox', `Failed to create pod sandbox: ${rpc}${hook}nvml error: driver not loaded`) },
    'driver not loaded',
  ),
  of(
    'event FailedCreatePodSandBox, a device or runtime class',
    'DeviceMissing',
    {
      pod: creating,
      event: event(
        'FailedCreatePodSandBox',
        `Failed to create pod sandbox: ${rpc}failed to get sandbox runtime: no runtime for "nvidia" is configured`,
      ),
    },
    'no runtime for "nvidia"',
  ),
  of(
    'event FailedCreatePodSandBox, anything else',
    'SandboxFailed',
    {
      pod: creating,
      event: event(
        'FailedCreatePodSandBox',
        `Failed to create pod sandbox: ${rpc}failed to setup network for sandbox: plugin type="calico" failed (add)`,
      ),
    },
    'failed to setup network',
  ),
  ...(Object.keys(reasons) as FailureReason[]).map((reason) =>
    of(
      `reason ${reason} in /status`,
      reason,
      { probe: { status: agent({ phase: 'Failed', reason, message: 'Its last words' }) } },
      'Its last words. ',
    ),
  ),
  of(
    'another reason in /status',
    'EngineCrashed',
    { probe: { status: agent({ phase: 'Failed', reason: 'AdapterBroken', message: 'sql.safetensors is empty.' }) } },
    'AdapterBroken: sql.safetensors is empty.',
  ),
  of(
    'terminated, last words of OutOfDisk',
    'OutOfDisk',
    crashed({ exitCode: 1, reason: 'Error', message: 'OSError: [Errno 28] No space left on device' }),
    'Errno 28',
  ),
  of(
    'terminated, last words of KVCacheTooSmall',
    'KVCacheTooSmall',
    crashed({ exitCode: 1, reason: 'Error', message: 'ValueError: No available memory for the cache blocks.' }),
    'cache blocks',
  ),
  of(
    'terminated, last words of DeviceOutOfMemory',
    'DeviceOutOfMemory',
    crashed({ exitCode: 1, reason: 'Error', message: 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.17 GiB.' }),
    'Tried to allocate',
  ),
  of(
    'terminated, last words of HostOutOfMemory',
    'HostOutOfMemory',
    crashed({
      exitCode: 134,
      reason: 'Error',
      message: 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    }),
    'heap out of memory',
  ),
  of(
    'terminated, last words of DriverIncompatible',
    'DriverIncompatible',
    crashed({ exitCode: 1, reason: 'Error', message: 'CUDA driver version is insufficient for CUDA runtime version' }),
    'insufficient for CUDA',
  ),
  of(
    'terminated, last words of DeviceMissing',
    'DeviceMissing',
    crashed({ exitCode: 1, reason: 'Error', message: 'RuntimeError: No CUDA GPUs are available' }),
    'No CUDA GPUs',
  ),
  of(
    'terminated, last words of UnsupportedModel',
    'UnsupportedModel',
    crashed({ exitCode: 1, reason: 'Error', message: "error loading model: unknown model architecture: 'grok9'" }),
    'grok9',
  ),
  of(
    'terminated, exit code 126 or 127',
    'ContainerCannotStart',
    crashed({ exitCode: 127, reason: 'Error', message: 'sh: vllm: not found' }),
    'exit code 127. sh: vllm: not found.',
  ),
  of(
    'terminated, exit code 137 or 143 but not OOMKilled',
    'ContainerKilled',
    crashed({ exitCode: 137, reason: 'Error' }),
    'SIGKILL (exit code 137)',
  ),
  of(
    'terminated by SIGSEGV, SIGABRT and such (139, 134)',
    'EngineCrashed',
    crashed({ exitCode: 139, reason: 'Error' }),
    'SIGSEGV (exit code 139)',
  ),
  of(
    'terminated, any exit code',
    'EngineCrashed',
    crashed({ exitCode: 3, reason: 'Error', message: 'It just went.\n' }),
    'The worker ended with exit code 3. It just went. The engine ended',
  ),
  of('terminated, any exit code', 'EngineCrashed', crashed({ exitCode: 0, reason: 'Completed' }), 'exit code 0'),
  of(
    'pod phase Failed or Succeeded, anything else',
    'EngineCrashed',
    ended('DeadlineExceeded', 'Pod was active on the node longer than the specified deadline'),
    'phase Failed (DeadlineExceeded). Pod was active',
  ),
  of(
    'no answer, or none that can be read, for noProgressTimeout',
    'AgentUnreachable',
    { probe: { askedSince: t0, problem: 'connect ECONNREFUSED 10.0.0.1:9090' }, now: later },
    'The agent at 10.0.0.1 has never answered for more than 5m: connect ECONNREFUSED',
  ),
  of(
    'no progress in /status for noProgressTimeout',
    'NoProgress',
    { probe: { status: agent({ message: 'Waits for another replica.' }), progressedAt: t0, answeredAt: later }, now: later },
    'No progress in phase LoadingWeights at 50 % for more than 5m. It said last: Waits for another replica.',
  ),
  of(
    'no volumes or network for noProgressTimeout, and no event',
    'SandboxFailed',
    { pod: settingUp, now: later },
    'have not been set up for more than 5m: its events say why (kubectl describe pod p -n models)',
  ),
];

describe('each failure is known by its signal', () => {
  test.each(samples.map((sample) => [`${sample.row}: ${sample.reason}`, sample] as const))('%s', (_, { row, reason, seen, says }) => {
    const all = signals(seen);
    expect(failureTable.find(({ when }) => when(all) !== undefined)?.signal).toBe(row);
    const found = diagnose(all);
    expect(found?.reason).toBe(reason);
    expect(found?.message).toContain(says);
    expect(found?.message).toContain(reasons[reason]);
  });

  test('every row of the table has a sample', () => {
    expect(failureTable.map(({ signal }) => signal).filter((signal) => !samples.some(({ row }) => row === signal))).toEqual([]);
  });

  test('no two rows have the same name', () => {
    expect(new Set(failureTable.map(({ signal }) => signal)).size).toBe(failureTable.length);
  });
});

describe('of several signals the weightiest counts', () => {
  const lastFailure = { reason: 'SourceNotFound', message: 'No such repository.' };
  const before: readonly (readonly [string, FailureReason, Partial<Signals>])[] = [
    [
      'an eviction before how its container ended',
      'Evicted',
      {
        pod: pod('p', {
          status: {
            phase: 'Failed',
            reason: 'Evicted',
            message: 'The node was low on resource: pids.',
            containerStatuses: [container({ terminated: { exitCode: 137, reason: 'OOMKilled' } })],
          },
        }),
      },
    ],
    ['a preemption before the node', 'Preempted', { pod: disrupted('PreemptionByScheduler', 'preempting'), node: node('False', 0) }],
    [
      'a silent node before what its agent said',
      'NodeLost',
      {
        node: node('Unknown'),
        probe: { status: agent({ phase: 'Failed', reason: 'SourceNotFound' }) },
      },
    ],
    ['a silent node before a silent agent', 'NodeLost', { node: node('Unknown'), probe: { askedSince: t0 }, now: later }],
    [
      'the words of an agent before what a gateway hears',
      'EngineCrashed',
      { pod: readyPod('p'), onWedge: 'restart', probe: { status: agent({ phase: 'Failed', reason: 'EngineCrashed' }) } },
    ],
    [
      'an image that is gone before the end of the last container',
      'ImagePullFailed',
      {
        pod: waiting('ImagePullBackOff', 'not found', { exitCode: 1 }),
      },
    ],
    [
      "the kubelet's OOMKilled before the agent's last words",
      'HostOutOfMemory',
      {
        pod: crashed({ exitCode: 137, reason: 'OOMKilled' }),
        probe: { lastFailure },
      },
    ],
    [
      "the agent's last words before the exit code and the log",
      'SourceNotFound',
      {
        pod: crashed({ exitCode: 139, message: 'cannot allocate memory' }),
        probe: { lastFailure },
      },
    ],
    ['the words of the log before the exit code', 'DeviceOutOfMemory', { pod: crashed({ exitCode: 139, message: 'CUDA out of memory' }) }],
    [
      'what the agent says before its silence',
      'ChecksumMismatch',
      {
        probe: { status: agent({ reason: 'ChecksumMismatch' }), progressedAt: t0, answeredAt: t0 },
        now: later,
      },
    ],
    [
      'a missing device before volumes of other nodes',
      'Unschedulable',
      {
        pod: unscheduled('0/3 nodes are available: 1 node(s) had volume node affinity conflict, 2 Insufficient nvidia.com/gpu.'),
      },
    ],
  ];
  test.each(before)('%s: %s', (_, reason, seen) => expect(diagnose(signals(seen))?.reason).toBe(reason));
});

describe('nothing is wrong', () => {
  const fine: readonly (readonly [string, Partial<Signals>])[] = [
    ['while a container runs and its agent has not answered yet', {}],
    ['while an agent loads', { probe: { status: agent(), progressedAt: t0 } }],
    [
      'with a worker that drained and is started again',
      { pod: pod('p', { status: { containerStatuses: [container({ terminated: { exitCode: 0 } })] } }) },
    ],
    [
      'with one that went with its kubelet',
      {
        pod: pod('p', { status: { containerStatuses: [container({ terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } })] } }),
      },
    ],
    [
      'with a container that ends because its pod is deleted',
      {
        pod: pod('p', {
          metadata: { deletionTimestamp: new Date(t0).toISOString() },
          status: { containerStatuses: [container({ terminated: { exitCode: 137, reason: 'Error' } })] },
        }),
      },
    ],
    ['with a ready replica whose agent does not answer us', { pod: readyPod(), probe: { askedSince: t0, problem: 'timeout' }, now: later }],
    ['with a ready replica on a node that is not', { pod: readyPod(), node: node('False') }],
    [
      'with a pod that a queue holds back',
      { pod: unscheduled('Scheduling is blocked due to non-empty scheduling gates', 'SchedulingGated') },
    ],
    ['with an old event', { pod: creating, event: event('FailedMount', 'timed out'), now: t0 + 600_001 }],
    ['with an event of before the container ran', { event: event('FailedMount', 'timed out') }],
    [
      'with an init container that is done',
      {
        pod: pod('p', {
          status: {
            initContainerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } }, { name: 'agent' })],
            containerStatuses: [container({ waiting: { reason: 'PodInitializing' } })],
          },
        }),
      },
    ],
  ];
  test.each(fine)('%s', (_, seen) => expect(diagnose(signals(seen))).toBeUndefined());
});

test('the container in trouble is named when it is not the worker', () => {
  const initial = { initContainerStatuses: [container({ waiting: { reason: 'ErrImagePull', message: 'not found' } }, { name: 'agent' })] };
  expect(diagnose(signals({ pod: pod('p', { status: initial }) }))?.message).toContain('Init container "agent" has an image');
  const beside = { containerStatuses: [container({ running: {} }), container({ terminated: { exitCode: 2 } }, { name: 'proxy' })] };
  expect(diagnose(signals({ pod: pod('p', { status: beside }) }))?.message).toContain('Container "proxy" ended with exit code 2');
});
