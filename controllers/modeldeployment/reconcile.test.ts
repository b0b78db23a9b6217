import { expect, test } from 'vitest';
import type { AgentStatus } from '../../src/core/agent-contract.ts';
import { ConnectionError } from '../../src/kube/index.ts';
import { agent, container } from './testing/makers.fake.ts';
import { World } from './testing/world.fake.ts';

test('brings up the replicas that are asked for, and tells their progress', async () => {
  const world = new World({ replicas: 3 });
  await world.settle();
  expect(world.names).toHaveLength(3);
  expect(world.status).toMatchObject({ phase: 'Pending', replicas: 3, readyReplicas: 0, columns: { ready: '0/3' } });
  for (const name of world.names) world.setReady(name);
  await world.settle();
  expect(world.status).toMatchObject({ phase: 'Ready', readyReplicas: 3, columns: { ready: '3/3', load: '100%' } });
});

test('in a turn that is urgent only pods are made: all else comes in another', async () => {
  const world = new World({ replicas: 3 });
  expect(await world.reconcile({ urgent: true })).toEqual({ kind: 'requeueAfter', ms: 0 });
  expect([world.names.length, world.statusWrites.length]).toEqual([3, 0]);
  await world.reconcile();
  expect([world.names.length, world.status?.replicas]).toEqual([3, 3]);
});

test('writes nothing when nothing changes', async () => {
  const world = new World();
  await world.settle();
  const writes = world.statusWrites.length;
  for (let round = 0; round < 5; round += 1) {
    await world.clock.advance(60_000);
    await world.reconcile();
  }
  expect(world.statusWrites.length).toBe(writes);
  expect(world.names).toHaveLength(1);
});

test('creates no replica twice while the cache is behind', async () => {
  const world = new World({ replicas: 3 });
  for (let round = 0; round < 5; round += 1) await world.reconcile();
  expect(world.names).toHaveLength(3);
  world.change({ replicas: 1 });
  for (let round = 0; round < 5; round += 1) await world.reconcile();
  expect(world.names).toHaveLength(1);
  await world.settle();
  expect(world.names).toHaveLength(1);
});

test('creates no replica twice when the answer to a creation is lost', async () => {
  const world = new World();
  world.onCreate = (pod) => {
    world.onCreate = () => {};
    world.server.set(pod.metadata.name, pod); // done, but nobody hears of it
    throw new ConnectionError('the connection was cut', {});
  };
  await expect(world.reconcile()).rejects.toThrow('the connection was cut');
  expect(world.names).toHaveLength(1);
  await world.reconcile();
  expect(world.names).toHaveLength(1);
  await world.settle();
  expect(world.names).toHaveLength(1);
});

test('an upgrade of the operator leaves replicas alone; new ones get what it brings', async () => {
  const world = new World();
  await world.settle();
  const before = world.names;
  world.defaults = { workerImage: 'next', workerImagePullPolicy: 'Always', workerImagePullSecrets: ['mirror'] };
  world.restart();
  await world.settle();
  expect(world.names).toEqual(before);
  world.change({ replicas: 2 });
  await world.settle();
  expect([...world.server.values()].map(({ spec }) => spec?.containers[0]?.image)).toEqual(['modelfleet-worker', 'next']);
});

test('a new value of restartedAt replaces the replicas', async () => {
  const world = new World();
  await world.settle();
  const [old = ''] = world.names;
  world.setReady(old);
  world.annotate({ 'modelfleet.dev/restartedAt': '2026-01-01T00:00:00Z' });
  await world.settle();
  const [next = ''] = world.names.filter((name) => name !== old);
  expect(world.names).toEqual([old, next]);
  world.setReady(next);
  await world.settle();
  expect(world.names).toEqual([next]);
});

test('replaces a replica that was deleted', async () => {
  const world = new World({ replicas: 2 });
  await world.settle();
  const [first = ''] = world.names;
  world.api.end(first);
  world.sync();
  await world.settle();
  expect(world.names).toHaveLength(2);
  expect(world.names).not.toContain(first);
});

test('replaces a replica whose node is gone, though its pod stays', async () => {
  const world = new World({ rollout: { maxSurge: 0, maxUnavailable: 1 } });
  await world.settle();
  const [name = ''] = world.names;
  const pod = world.server.get(name);
  if (!pod?.spec) throw new Error('there is no replica');
  world.api.put({ ...pod, spec: { ...pod.spec, nodeName: 'gone' } });
  world.api.graceful = true;
  world.api.deletePod(name); // as the taint manager does
  world.sync();
  await world.settle();
  expect(world.names).toEqual([name]); // without surge its device is waited for
  world.goneNodes.add('gone');
  await world.settle();
  expect(world.names).toEqual([name, expect.any(String)]);
  expect(world.staying).toHaveLength(1);
});

test('replaces nothing in a namespace that is being deleted', async () => {
  const world = new World({ replicas: 2 });
  await world.settle();
  const [first = '', second = ''] = world.names;
  world.namespaceEnds = true;
  world.api.end(first);
  world.sync();
  await world.settle();
  expect(world.names).toEqual([second]);
});

test('replaces evicted pods, more and more slowly while it happens again', async () => {
  const world = new World();
  const waits: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    await world.settle();
    const [name = ''] = world.names;
    const pod = world.server.get(name);
    if (!pod) throw new Error('there is no replica');
    world.server.set(name, { ...pod, status: { phase: 'Failed', reason: 'Evicted', message: 'low on memory' } });
    world.sync();
    await world.settle();
    expect(world.names).toEqual([name]); // it can still be looked at
    const result = await world.reconcile();
    const ms = result.kind === 'requeueAfter' ? result.ms : 0;
    waits.push(ms);
    await world.clock.advance(ms);
    await world.settle();
    expect(world.names).toEqual([expect.not.stringMatching(name)]);
  }
  expect(waits).toEqual([10_000, 20_000, 40_000, 80_000]);
  expect(world.events.filter((event) => event === 'Warning ReplicaEnded')).toHaveLength(4);
  expect(world.messages).toContainEqual(expect.stringMatching(/^Deleted pod qwen-\w+\. .*low on memory/));
});

test('rolls to a new revision one loaded replica after the other, and serves all the while', async () => {
  const world = new World({ replicas: 2 });
  await world.settle();
  for (const name of world.names) world.setReady(name);
  await world.settle();
  const old = world.names;
  world.change({ model: { source: 'hf://Qwen/Qwen3-8B' } });
  for (let round = 0; round < 10 && world.names.some((name) => old.includes(name)); round += 1) {
    await world.settle();
    expect(world.names.length).toBeLessThanOrEqual(3);
    expect(world.status?.readyReplicas).toBeGreaterThanOrEqual(2);
    for (const name of world.names) world.setReady(name);
  }
  await world.settle();
  expect(world.names).toHaveLength(2);
  expect(world.names.some((name) => old.includes(name))).toBe(false);
  expect(world.status).toMatchObject({ phase: 'Ready', updatedReplicas: 2 });
});

test('suspending ends all replicas, resuming brings them back', async () => {
  const world = new World({ replicas: 2 });
  await world.settle();
  world.change({ suspend: true });
  await world.settle();
  expect(world.names).toEqual([]);
  expect(world.status).toMatchObject({ phase: 'Suspended', replicas: 0 });
  world.change({ suspend: false });
  await world.settle();
  expect(world.names).toHaveLength(2);
});

test('keeps the replicas of a deployment that can no longer be run', async () => {
  const world = new World();
  await world.settle();
  world.change({ engine: { type: 'VLLM' } });
  await world.settle();
  expect(world.names).toHaveLength(1);
  expect(world.status).toMatchObject({ phase: 'Failed' });
});

test('bytes and speeds are told every five seconds, percents each second', async () => {
  const world = new World();
  await world.settle();
  const [name = ''] = world.names;
  const pod = world.server.get(name);
  if (!pod) throw new Error('there is no replica');
  world.server.set(name, { ...pod, status: { phase: 'Running', containerStatuses: [container({ running: {} })] } });
  world.sync();
  await world.clock.advance(1_000);
  const tell = async (fields: Partial<AgentStatus>) => {
    world.probes.set(pod.metadata.uid ?? '', { status: agent(fields), progressedAt: world.clock.now() });
    const before = world.statusWrites.length;
    await world.reconcile();
    return world.statusWrites.length - before;
  };
  expect(await tell({ bytesDone: 50 })).toBe(1);
  expect(await tell({ bytesDone: 51 })).toBe(0);
  await world.clock.advance(5_000);
  expect(await tell({ bytesDone: 52 })).toBe(1);
  await world.clock.advance(1_000);
  expect(await tell({ bytesDone: 53, percent: 60 })).toBe(1);
  expect(world.status?.loading).toMatchObject({ phase: 'LoadingWeights', percent: 78, bytesDone: 53 });
});
