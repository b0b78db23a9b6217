import type { Container, PodStatus } from 'kubernetes-types/core/v1.d.ts';
import { describe, expect, test } from 'vitest';
import type { Pod } from '../../kube/index.ts';
import { type ContainerRecord, fresh } from './container-record.ts';
import { kubeletBackoff } from './restarts.ts';
import { seedRecords } from './seed.ts';
import { podStatus, type StatusInput } from './status.ts';

const t0 = Date.UTC(2026, 0, 1);
const at = (seconds: number) => `2026-01-01T00:00:${String(seconds).padStart(2, '0')}Z`;

const run = (ready: boolean): ContainerRecord => ({
  state: { kind: 'running', id: 'process://7', startedAt: t0, started: true, ready, stopping: false },
  restartCount: 0,
  endsInARow: 0,
});
const end = (exitCode: number, endsInARow = 1): ContainerRecord => ({
  state: { kind: 'terminated', id: 'process://7', exitCode, reason: exitCode ? 'Error' : 'Completed', startedAt: t0, finishedAt: t0 },
  restartCount: 0,
  endsInARow,
});

type World = Partial<StatusInput> & { records: Record<string, ContainerRecord>; init?: string[]; policy?: string; readinessGate?: string };

function status({ records, init = [], policy = 'Always', readinessGate, ...input }: World): PodStatus {
  const container = (name: string): Container => ({ name, image: 'program' });
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default', uid: 'u' },
    spec: {
      restartPolicy: policy,
      initContainers: init.map(container),
      containers: Object.keys(records)
        .filter((name) => !init.includes(name))
        .map(container),
      ...(readinessGate && { readinessGates: [{ conditionType: readinessGate }] }),
    },
  };
  const containers = new Map(Object.entries(records));
  const defaults = { terminating: false, deleted: false, now: t0, backoff: kubeletBackoff, previous: {} };
  return podStatus({ pod, containers, ...defaults, ...input });
}

const condition = (of: PodStatus, type: string) => of.conditions?.find((one) => one.type === type);

describe('phase', () => {
  test.each<[string, World, string]>([
    ['nothing has run', { records: { a: fresh() } }, 'Pending'],
    ['an init container runs', { records: { i: run(false), a: fresh() }, init: ['i'] }, 'Pending'],
    ['an init container failed for good', { records: { i: end(1), a: fresh() }, init: ['i'], policy: 'Never' }, 'Failed'],
    ['an init container will be tried again', { records: { i: end(1), a: fresh() }, init: ['i'] }, 'Pending'],
    ['one runs and one waits', { records: { a: run(true), b: fresh() } }, 'Pending'],
    ['all run', { records: { a: run(false), b: run(true) } }, 'Running'],
    ['a container is held back', { records: { a: end(1, 3) } }, 'Running'],
    ['all ended well and will start again', { records: { a: end(0) } }, 'Running'],
    ['all ended well', { records: { a: end(0), b: end(0) }, policy: 'Never' }, 'Succeeded'],
    ['one failed for good', { records: { a: end(0), b: end(1) }, policy: 'Never' }, 'Failed'],
    ['one failed and will start again', { records: { a: end(0), b: end(1) }, policy: 'OnFailure' }, 'Running'],
    ['a deleted pod has ended well', { records: { a: end(0) }, terminating: true, deleted: true }, 'Succeeded'],
    ['a deleted pod was killed', { records: { a: end(137) }, terminating: true, deleted: true }, 'Failed'],
    ['the kubelet stopped it', { records: { a: end(143) }, terminating: true }, 'Running'],
    ['it had failed before', { records: { a: fresh() }, previous: { phase: 'Failed' } }, 'Failed'],
  ])('when %s', (_, world, phase) => {
    expect(status(world).phase).toBe(phase);
  });
});

describe('conditions', () => {
  test('is Ready when every container is', () => {
    const ready = status({ records: { a: run(true) } });
    for (const type of ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready']) {
      expect(condition(ready, type)).toEqual({ type, status: 'True', lastTransitionTime: at(0) });
    }
  });

  test('names the containers that are not ready', () => {
    const unready = status({ records: { a: run(true), b: run(false) } });
    const expected = { status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [b]' };
    expect(condition(unready, 'Ready')).toMatchObject(expected);
    expect(condition(unready, 'ContainersReady')).toMatchObject(expected);
  });

  test('is not Ready while it ends, though its probes may still pass', () => {
    const ending = status({ records: { a: run(true) }, terminating: true });
    expect(condition(ending, 'Ready')?.status).toBe('False');
    expect(ending.containerStatuses?.[0]?.ready).toBe(false);
  });

  test('waits for its init containers', () => {
    const early = status({ records: { i: run(false), a: fresh('PodInitializing') }, init: ['i'] });
    expect(condition(early, 'Initialized')).toMatchObject({ status: 'False', message: 'containers with incomplete status: [i]' });
    expect(early.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'PodInitializing' } });
  });

  test('waits for readiness gates', () => {
    const gated = status({ records: { a: run(true) }, readinessGate: 'example.com/gate' });
    expect(condition(gated, 'ContainersReady')?.status).toBe('True');
    expect(condition(gated, 'Ready')).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady' });
  });

  test('move their transition time only with their status', () => {
    const first = status({ records: { a: run(false) } });
    const second = status({ records: { a: run(true) }, previous: first, now: t0 + 5_000 });
    const third = status({ records: { a: run(true) }, previous: second, now: t0 + 9_000 });
    expect(condition(second, 'Ready')?.lastTransitionTime).toBe(at(5));
    expect(condition(second, 'PodScheduled')?.lastTransitionTime).toBe(at(0));
    expect(third).toEqual(second);
  });
});

describe('container statuses', () => {
  test('tell a run with the one before it', () => {
    const record: ContainerRecord = {
      ...run(true),
      restartCount: 2,
      last: { kind: 'terminated', exitCode: 1, reason: 'Error', finishedAt: t0 },
    };
    expect(status({ records: { a: record } }).containerStatuses?.[0]).toEqual({
      name: 'a',
      image: 'program',
      imageID: 'process://program',
      containerID: 'process://7',
      state: { running: { startedAt: at(0) } },
      lastState: { terminated: { exitCode: 1, reason: 'Error', finishedAt: at(0) } },
      ready: true,
      started: true,
      restartCount: 2,
    });
  });

  test('tell a crash loop as a kubelet does', () => {
    const [looping] = status({ records: { a: end(1, 2) }, now: t0 + 1_000 }).containerStatuses ?? [];
    expect(looping?.state).toEqual({
      waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container=a pod=p_default(u)' },
    });
    expect(looping?.lastState?.terminated).toMatchObject({ exitCode: 1, reason: 'Error' });
  });
});

describe('a kubelet that has just started', () => {
  test('takes what was running for ended in an unknown way', () => {
    const before = status({ records: { a: { ...run(true), restartCount: 3 } } });
    const pod = { metadata: {}, spec: { containers: [{ name: 'a' }] }, status: before };
    expect(seedRecords(pod, t0 + 1).get('a')).toMatchObject({
      restartCount: 3,
      state: { kind: 'terminated', exitCode: 137, reason: 'ContainerStatusUnknown', startedAt: t0 },
    });
  });

  test('knows ends and crash loops from the status', () => {
    const before = status({ records: { a: end(0), b: end(3, 4) }, policy: 'OnFailure' });
    const pod = { metadata: {}, spec: { containers: [{ name: 'a' }, { name: 'b' }, { name: 'new' }] }, status: before };
    const seeded = seedRecords(pod, t0 + 1);
    expect(seeded.get('a')?.state).toMatchObject({ kind: 'terminated', exitCode: 0, reason: 'Completed' });
    expect(seeded.get('b')?.state).toMatchObject({ kind: 'terminated', exitCode: 3 });
    expect(seeded.get('new')).toEqual(fresh());
  });
});
