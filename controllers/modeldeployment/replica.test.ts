import { describe, expect, test } from 'vitest';
import { ended, node, signals, unscheduled, waiting } from './failures/signals.fake.ts';
import type { Signals } from './failures/signals.ts';
import { readReplica } from './replica.ts';
import { agent, container, pod, readyPod, t0 } from './testing/makers.fake.ts';

const read = (fields: Partial<Signals>) => readReplica(signals(fields));
const at = (ms: number) => new Date(ms).toISOString();
const minute = 60_000;

describe('before the agent answers', () => {
  test('a pod without a node is Pending, and says why it is not scheduled', () =>
    expect(read({ pod: unscheduled('0/3 nodes are available.') })).toMatchObject({
      phase: 'Pending',
      percent: 0,
      reason: 'Unschedulable',
      message: expect.stringContaining('0/3 nodes are available. No node has room'),
    }));

  test('a pod that waits for a node is never Stalled, and says after a while how long', () => {
    const waits = unscheduled('0/3 nodes are available.');
    const since = { ...waits.status?.conditions?.[0], type: 'PodScheduled', status: 'False', lastTransitionTime: at(t0) };
    const replica = (now: number) => read({ pod: { ...waits, status: { conditions: [since] } }, now });
    expect(replica(t0 + 5 * minute - 1).message).not.toContain('waited');
    expect(replica(t0 + 5 * minute)).toMatchObject({
      phase: 'Pending',
      message: expect.stringContaining('It has waited for more than 5m. '),
    });
    expect(replica(t0 + 25 * minute).message).toContain('more than 20m');
  });

  test('a pod with a node is Scheduled', () =>
    expect(read({ pod: waiting('ContainerCreating') })).toMatchObject({ phase: 'Scheduled', reason: undefined, running: false }));

  test('an image that cannot be pulled stays in PullingImage', () =>
    expect(read({ pod: waiting('ImagePullBackOff', 'manifest unknown') })).toMatchObject({
      phase: 'PullingImage',
      reason: 'ImagePullFailed',
    }));

  test('a container that cannot be started stays in Scheduled', () =>
    expect(read({ pod: waiting('CreateContainerConfigError', 'secret "hf" not found') })).toMatchObject({
      phase: 'Scheduled',
      reason: 'ReferenceNotFound',
    }));

  test('its node first sets up volumes and network, then pulls the image; neither is ever Stalled', () => {
    const preparing = (ready: 'True' | 'False') =>
      pod('p', {
        status: {
          phase: 'Pending',
          conditions: ['PodScheduled', 'PodReadyToStartContainers'].map((type) => ({
            ...{ type, status: type === 'PodScheduled' ? 'True' : ready, lastTransitionTime: at(t0) },
          })),
          containerStatuses: [container({ waiting: { reason: 'ContainerCreating' } })],
        },
      });
    expect(read({ pod: preparing('False') })).toMatchObject({ phase: 'Scheduled', reason: undefined });
    expect(read({ pod: preparing('False'), now: t0 + 5 * minute })).toMatchObject({ phase: 'Scheduled', reason: 'SandboxFailed' });
    expect(read({ pod: preparing('True') })).toMatchObject({ phase: 'PullingImage', reason: undefined, message: undefined });
    expect(read({ pod: preparing('True'), now: t0 + 5 * minute })).toMatchObject({
      phase: 'PullingImage',
      reason: undefined,
      message: 'Node node-1 has been pulling the image for more than 5m.',
    });
  });

  test('a container that runs is about to fetch', () => expect(read({})).toMatchObject({ phase: 'Fetching', percent: 5, running: true }));

  test('an agent that never answers is Stalled, also one whose container was started long ago', () => {
    const probe = { askedSince: t0, problem: 'no answer within 2000 ms' };
    expect(read({ probe, now: t0 + 5 * minute - 1 })).toMatchObject({ phase: 'Fetching', reason: undefined });
    expect(read({ probe, now: t0 + 5 * minute })).toMatchObject({ phase: 'Stalled', reason: 'AgentUnreachable', running: true });
  });

  test('the worker counts, not what stands beside it', () => {
    const containerStatuses = [container({ waiting: { reason: 'ContainerCreating' } }, { name: 'proxy' }), container({ running: {} })];
    expect(read({ pod: pod('p', { status: { containerStatuses } }), probe: { status: agent() } }).phase).toBe('LoadingWeights');
  });
});

describe('when the agent answers', () => {
  test('its phase and percent count', () =>
    expect(read({ probe: { status: agent() } })).toMatchObject({ phase: 'LoadingWeights', percent: 75, agent: { percent: 50 } }));

  test('an agent that has not begun is about to fetch: its container runs', () =>
    expect(read({ probe: { status: agent({ phase: 'Pending', percent: 0 }) } })).toMatchObject({ phase: 'Fetching', percent: 5 }));

  test('what it does beside the numbers is told', () =>
    expect(read({ probe: { status: agent({ message: 'Waits for another replica.' }) } })).toMatchObject({
      reason: undefined,
      message: 'Waits for another replica.',
    }));

  const loaded = { status: agent({ phase: 'Ready', percent: 100 }), progressedAt: t0, answeredAt: t0 };

  test('a loaded model is Ready once the kubelet finds it so', () => {
    expect(read({ probe: loaded })).toMatchObject({ phase: 'WarmingUp', percent: 99, ready: false });
    expect(read({ pod: readyPod(), probe: loaded })).toMatchObject({ phase: 'Ready', percent: 100, ready: true });
  });

  test('an engine that has died serves nobody, also before the kubelet has noticed', () => {
    const status = agent({ phase: 'LoadingWeights', reason: 'EngineCrashed', message: 'exit code 139' });
    const died = { ...loaded, status };
    expect(read({ pod: readyPod(), probe: died })).toMatchObject({ ready: false, reason: 'EngineCrashed' });
    // What it said before it fell silent may be over.
    expect(read({ pod: readyPod(), probe: { ...died, problem: 'no answer' } }).ready).toBe(true);
  });

  test('an agent that says Ready while the kubelet never finds it so is Stalled', () => {
    const unready = pod('p', {
      status: {
        podIP: '10.0.0.1',
        conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: at(t0 + minute) }],
        containerStatuses: [container({ running: {} })],
      },
    });
    const probe = { ...loaded, answeredAt: t0 + 6 * minute };
    expect(read({ pod: unready, probe, now: t0 + 6 * minute - 1 }).phase).toBe('WarmingUp');
    expect(read({ pod: unready, probe, now: t0 + 6 * minute })).toMatchObject({
      phase: 'Stalled',
      reason: 'NoProgress',
      message: expect.stringContaining('the kubelet has not found the pod ready for more than 5m'),
    });
  });

  test('a failure carries its reason, its last words and the remedy', () => {
    const status = agent({ phase: 'Failed', reason: 'ChecksumMismatch', message: 'model.gguf is b17…, not 0ab….' });
    expect(read({ probe: { status } })).toMatchObject({
      phase: 'Failed',
      reason: 'ChecksumMismatch',
      message: expect.stringMatching(/^model\.gguf is b17…, not 0ab…\. The bytes differ/),
    });
  });

  test('no progress for noProgressTimeout is Stalled, whatever the total time', () => {
    const probe = { status: agent(), progressedAt: t0 + 60 * minute, answeredAt: t0 + 65 * minute };
    expect(read({ probe, now: t0 + 65 * minute - 1 }).phase).toBe('LoadingWeights');
    expect(read({ probe, now: t0 + 65 * minute })).toMatchObject({ phase: 'Stalled', percent: 75, reason: 'NoProgress' });
  });

  test('an agent that falls silent in the middle of a load is Stalled, with why it cannot be asked', () => {
    const probe = { status: agent(), progressedAt: t0, answeredAt: t0, problem: 'its answer is no JSON' };
    expect(read({ probe, now: t0 + 5 * minute })).toMatchObject({
      phase: 'Stalled',
      reason: 'AgentUnreachable',
      message: expect.stringContaining('has not answered for more than 5m: its answer is no JSON.'),
    });
  });

  test('one that drains though nobody asked it to is Stalled after the same time', () => {
    const probe = { status: agent({ phase: 'Draining', draining: true }), progressedAt: 0, phaseSince: t0, answeredAt: t0 + 5 * minute };
    expect(read({ probe }).phase).toBe('Draining');
    expect(read({ probe, now: t0 + 5 * minute })).toMatchObject({ phase: 'Stalled', reason: 'NoProgress' });
  });

  test('an agent that has failed is no stall: it said why', () => {
    const status = agent({ phase: 'Failed', reason: 'SourceNotFound' });
    expect(read({ probe: { status, progressedAt: t0, answeredAt: t0 + 9 * minute }, now: t0 + 9 * minute })).toMatchObject({
      phase: 'Failed',
      reason: 'SourceNotFound',
    });
  });

  test('what the kubelet finds ready is Ready, though its agent does not answer us', () => {
    const probe = { status: agent(), progressedAt: t0, answeredAt: t0, problem: 'connect ETIMEDOUT' };
    expect(read({ pod: readyPod(), probe, now: t0 + 9 * minute })).toMatchObject({ phase: 'Ready', percent: 100, reason: undefined });
  });
});

describe('after it died', () => {
  test("a crash loop is Failed with the agent's last words", () => {
    const lastFailure = { reason: 'SourceNotFound', message: 'No such repository.' };
    expect(read({ pod: waiting('CrashLoopBackOff', 'back-off 20s', { exitCode: 1 }), probe: { lastFailure } })).toMatchObject({
      phase: 'Failed',
      restarts: 3,
      running: false,
      reason: 'SourceNotFound',
      message:
        'The worker ended with exit code 1. No such repository. Nothing is at spec.model.source: check the path, the repository and the revision.',
    });
  });

  test('a worker that drained is started again: nothing failed', () => {
    const restarting = pod('p', { status: { containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } })] } });
    expect(read({ pod: restarting })).toMatchObject({ phase: 'Scheduled', reason: undefined });
  });

  test('an old answer of the agent counts no more', () => {
    const probe = { status: agent() };
    expect(read({ pod: waiting('CrashLoopBackOff', '', { exitCode: 1 }), probe })).toMatchObject({ phase: 'Failed', agent: undefined });
  });

  test('an evicted pod has ended for good and says so', () => {
    expect(read({ pod: ended('Evicted', 'The node was low on resource: pids.') })).toMatchObject({
      ...{ finished: true, phase: 'Failed', reason: 'Evicted', ready: false },
    });
  });
});

describe('on its way out', () => {
  const going = (deletionTimestamp: string, spec = {}) => pod('p', { metadata: { deletionTimestamp }, spec });

  test('a pod that is being deleted drains', () =>
    expect(read({ pod: going(at(t0 + minute)), probe: { status: agent({ phase: 'Ready', inFlight: 2 }) } })).toMatchObject({
      ...{ phase: 'Draining', leaving: true, terminating: true, lost: false, ready: false, inFlight: 2, drainingSince: undefined },
    }));

  test('a marked one tells since when', () => {
    const annotations = { 'modelfleet.dev/draining': 'true', 'modelfleet.dev/drainingSince': at(t0 - minute) };
    expect(read({ pod: pod('p', { metadata: { annotations } }) })).toMatchObject({
      phase: 'Draining',
      leaving: true,
      drainingSince: t0 - minute,
    });
  });

  test('it is lost a minute after the end of its grace', () => {
    expect(read({ pod: going(at(t0 - minute)) }).lost).toBe(false);
    expect(read({ pod: going(at(t0 - minute - 1)) })).toMatchObject({ lost: true, phase: 'Draining', reason: 'NodeLost' });
  });

  test('it is lost at once when its node is gone, and when that has been silent for a minute', () => {
    expect(read({ pod: going(at(t0 + minute)), node: undefined }).lost).toBe(true);
    expect(read({ pod: going(at(t0 + minute)), node: node('Unknown', t0 - minute) }).lost).toBe(false);
    expect(read({ pod: going(at(t0 + minute)), node: node('Unknown', t0 - minute - 1) }).lost).toBe(true);
    expect(read({ pod: going(at(t0 + minute), { nodeName: '' }), node: undefined }).lost).toBe(false);
  });

  test('a replica whose node does not answer is Failed with NodeLost, but not lost until it is deleted', () =>
    expect(read({ node: node('Unknown', t0 - 60 * minute), probe: { status: agent() } })).toMatchObject({
      ...{ phase: 'Failed', reason: 'NodeLost', lost: false },
    }));
});
