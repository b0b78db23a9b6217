import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { phaseLadder } from '../../src/core/phases.ts';
import type { Pod } from '../../src/kube/index.ts';
import { overallPercent } from './progress.ts';
import { type Probe, readReplica } from './replica.ts';
import { agent, container, pod, readyPod, t0 } from './testing/makers.fake.ts';

const read = (from: Pod, probe?: Probe, now = t0) => readReplica(from, probe, 300_000, now);
const waitingFor = (reason: string, message?: string, fields = {}) =>
  pod('qwen-aaaaa', {
    status: { phase: 'Pending', containerStatuses: [container({ waiting: { reason, ...(message && { message }) } }, fields)] },
  });

describe('before the agent answers', () => {
  test('a pod without a node is Pending, and says why it is not scheduled', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available.' }];
    expect(read(pod('p', { spec: { nodeName: '' }, status: { phase: 'Pending', conditions } }))).toMatchObject({
      phase: 'Pending',
      percent: 0,
      reason: 'Unschedulable',
      message: expect.stringContaining('0/3 nodes are available. No node has room'),
    });
  });

  test('a pod with a node is Scheduled', () =>
    expect(read(waitingFor('ContainerCreating'))).toMatchObject({ phase: 'Scheduled', reason: undefined }));

  test('an image that cannot be pulled is ImagePullFailed', () => {
    expect(read(waitingFor('ImagePullBackOff', 'manifest unknown'))).toMatchObject({
      phase: 'PullingImage',
      reason: 'ImagePullFailed',
      message: 'manifest unknown. Check the image name and the pull secret.',
    });
  });

  test.each([
    ['CreateContainerConfigError', 'secret "hf" not found', 'ReferenceNotFound'],
    ['CreateContainerConfigError', 'configmap "env" not found', 'ReferenceNotFound'],
    ['CreateContainerConfigError', "couldn't find key TOKEN in Secret models/hf", 'ReferenceNotFound'],
    ['CreateContainerConfigError', 'container has runAsNonRoot and image will run as root', 'CreateContainerConfigError'],
    ['RunContainerError', 'exec: "worker": executable file not found in $PATH', 'RunContainerError'],
  ])('%s (%s) is %s', (kubelet, message, reason) => {
    expect(read(waitingFor(kubelet, message))).toMatchObject({ phase: 'Scheduled', reason, message: expect.stringContaining(message) });
  });

  test.each([
    ['persistentvolumeclaim "models" not found', 'VolumeUnavailable'],
    ['0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found', 'VolumeUnavailable'],
    ["0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind.", 'VolumeUnavailable'],
    ['0/3 nodes are available: 1 node(s) had volume node affinity conflict, 2 Insufficient nvidia.com/gpu.', 'Unschedulable'],
    ['0/1 nodes are available: 1 Insufficient nvidia.com/gpu.', 'Unschedulable'],
  ])('not scheduled because of %s is %s', (message, reason) => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    const unscheduled = pod('p', { spec: { nodeName: '' }, status: { phase: 'Pending', conditions } });
    expect(read(unscheduled)).toMatchObject({ phase: 'Pending', reason, message: expect.stringContaining(message) });
  });

  describe('on a node', () => {
    const preparing = (ready: 'True' | 'False') =>
      pod('p', {
        status: {
          phase: 'Pending',
          conditions: [
            { type: 'PodScheduled', status: 'True', lastTransitionTime: new Date(t0).toISOString() },
            { type: 'PodReadyToStartContainers', status: ready, lastTransitionTime: new Date(t0).toISOString() },
          ],
          containerStatuses: [container({ waiting: { reason: 'ContainerCreating' } })],
        },
      });

    test('it is Scheduled until volumes and network are there, then it pulls its image', () => {
      expect(read(preparing('False'))).toMatchObject({ phase: 'Scheduled' });
      expect(read(preparing('True'), undefined, t0 + 3_600_000)).toMatchObject({ phase: 'PullingImage', reason: undefined });
    });

    test('it is Stalled when they are not there after noProgressTimeout', () => {
      expect(read(preparing('False'), undefined, t0 + 299_999).phase).toBe('Scheduled');
      expect(read(preparing('False'), undefined, t0 + 300_000)).toMatchObject({
        phase: 'Stalled',
        reason: 'NoProgress',
        message: expect.stringContaining('for 5m: the events of the pod say why (kubectl describe pod p -n models)'),
      });
    });
  });

  test('a container that runs is about to fetch', () => expect(read(pod())).toMatchObject({ phase: 'Fetching', percent: 5 }));
});

describe('when the agent answers', () => {
  test('its phase and percent count', () =>
    expect(read(pod(), { status: agent() })).toMatchObject({ phase: 'LoadingWeights', percent: 75 }));

  test('a loaded model is Ready once the kubelet finds it so', () => {
    expect(read(pod(), { status: agent({ phase: 'Ready', percent: 100 }) })).toMatchObject({
      phase: 'WarmingUp',
      percent: 99,
      ready: false,
    });
    expect(read(readyPod(), { status: agent({ phase: 'Ready', percent: 100 }) })).toMatchObject({
      phase: 'Ready',
      percent: 100,
      ready: true,
    });
  });

  test('a failure carries its reason, its last words and the remedy', () => {
    const status = agent({ phase: 'Failed', reason: 'ChecksumMismatch', message: 'model.gguf is b17…, not 0ab….' });
    expect(read(pod(), { status })).toMatchObject({
      phase: 'Failed',
      reason: 'ChecksumMismatch',
      message: expect.stringMatching(/^model\.gguf is b17…, not 0ab…\. The bytes differ/),
    });
  });

  test('no progress for noProgressTimeout is Stalled, whatever the total time', () => {
    const probe = { status: agent(), progressedAt: t0 };
    expect(read(pod(), probe, t0 + 299_999).phase).toBe('LoadingWeights');
    expect(read(pod(), probe, t0 + 300_000)).toMatchObject({
      phase: 'Stalled',
      percent: 75,
      reason: 'NoProgress',
      message: expect.stringContaining('5m'),
    });
  });
});

describe('after it died', () => {
  const terminated = { exitCode: 1 };

  test("a crash loop shows the agent's last words", () => {
    const crashed = waitingFor('CrashLoopBackOff', 'back-off 20s', { restartCount: 3, lastState: { terminated } });
    const lastFailure = { reason: 'SourceNotFound', message: 'No such repository.' };
    expect(read(crashed, { lastFailure })).toMatchObject({
      phase: 'Failed',
      restarts: 3,
      reason: 'SourceNotFound',
      message: expect.stringContaining('exit code 1. No such repository. Nothing is at spec.model.source'),
    });
  });

  test("without them the container's log tail is shown", () => {
    const crashed = waitingFor('CrashLoopBackOff', 'back-off', {
      lastState: { terminated: { ...terminated, message: 'Segmentation fault\n' } },
    });
    expect(read(crashed)).toMatchObject({ reason: 'EngineCrashed', message: expect.stringContaining('Segmentation fault') });
  });

  test('killed for memory is HostOutOfMemory', () => {
    const killed = pod('p', { status: { containerStatuses: [container({ terminated: { exitCode: 137, reason: 'OOMKilled' } })] } });
    expect(read(killed)).toMatchObject({ phase: 'Failed', reason: 'HostOutOfMemory' });
  });

  test.each([
    ['drained', { exitCode: 0, reason: 'Completed' }],
    ['went with its kubelet', { exitCode: 137, reason: 'ContainerStatusUnknown' }],
  ])('a worker that %s is started again: nothing failed', (_, ended) => {
    const restarting = pod('p', { status: { containerStatuses: [container({ terminated: ended })] } });
    expect(read(restarting)).toMatchObject({ phase: 'Scheduled', reason: undefined });
  });

  test('an old answer of the agent counts no more', () => {
    expect(read(waitingFor('CrashLoopBackOff', '', { lastState: { terminated } }), { status: agent() })).toMatchObject({
      phase: 'Failed',
      agent: undefined,
    });
  });
});

test('an evicted pod has ended for good and says so', () => {
  const evicted = pod('p', { status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory.' } });
  expect(read(evicted)).toMatchObject({ finished: true, phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory.' });
});

test('a pod that is being deleted drains', () => {
  const going = pod('p', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
  expect(read(going, { status: agent({ phase: 'Ready' }) })).toMatchObject({ phase: 'Draining', leaving: true, ready: false });
});

test('progress never goes back along the ladder', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(phaseLadder.length - 1), fc.nat(100)), { minLength: 2 }), (steps) => {
      const sorted = steps.toSorted(([a, x], [b, y]) => a - b || x - y);
      const percents = sorted.map(([index, percent]) => overallPercent(phaseLadder[index] ?? 'Pending', percent));
      expect(percents).toEqual(percents.toSorted((a, b) => a - b));
      expect(percents.every((percent, index) => (percent === 100) === (sorted[index]?.[0] === phaseLadder.length - 1))).toBe(true);
    }),
  );
});
