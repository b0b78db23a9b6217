import { describe, expect, test } from 'vitest';
import type { ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import { container } from './testing/makers.fake.ts';
import { answer, World } from './testing/world.fake.ts';

/** A deployment whose replicas are all loaded. */
async function serving(spec: Partial<ModelDeploymentSpec> = {}): Promise<World> {
  const world = new World(spec);
  await world.settle();
  for (const name of world.names) world.setReady(name);
  await world.settle();
  world.api.log.length = 0;
  world.events.length = 0;
  world.messages.length = 0;
  return world;
}

const annotationsOf = (world: World, name = '') => world.server.get(name)?.metadata.annotations ?? {};
/** What the agent of this replica has to do. */
const setBusy = (world: World, name = '', inFlight = 0) => world.setReady(name, { inFlight, draining: true });
const writes = (world: World) => world.api.log.map((line) => line.replace(/-\w+$/, ''));

test('a replica is marked to drain, finishes what it does, and only then goes', async () => {
  const world = await serving({ replicas: 2 });
  const [first = '', second = ''] = world.names;
  setBusy(world, first, 2);
  setBusy(world, second, 3);
  world.change({ replicas: 1 });
  await world.settle();
  expect(annotationsOf(world, first)).toEqual({
    'modelfleet.dev/draining': 'true',
    'modelfleet.dev/drainingSince': '2026-01-01T00:00:00.000Z',
  });
  expect(world.status).toMatchObject({ replicas: 1, readyReplicas: 1 });
  setBusy(world, first, 1);
  await world.settle();
  expect(world.names).toEqual([first, second]);
  setBusy(world, first);
  await world.settle();
  expect(world.names).toEqual([second]);
  expect(writes(world)).toEqual(['patch qwen', 'delete qwen']);
  expect(world.messages).toEqual([`Draining pod ${first}. Fewer replicas are wanted.`, `Deleted pod ${first}. All requests are finished.`]);
});

test('a replica that does not get done goes when its time is up, with a warning', async () => {
  const world = await serving({ rollout: { drainTimeout: '30s' } });
  const [name = ''] = world.names;
  setBusy(world, name, 1);
  world.change({ replicas: 0 });
  expect(await world.reconcile()).toEqual({ kind: 'requeueAfter', ms: 30_000 });
  world.sync();
  await world.clock.advance(29_999);
  await world.settle();
  expect(world.names).toEqual([name]);
  await world.clock.advance(1);
  await world.settle();
  expect(world.names).toEqual([]);
  expect(world.events).toContain('Warning ReplicaDrainTimeout');
});

test('marks once while the cache is behind', async () => {
  const world = await serving({ replicas: 3 });
  world.change({ replicas: 1 });
  for (let round = 0; round < 4; round += 1) await world.reconcile();
  expect(world.api.log.filter((line) => line.startsWith('patch'))).toHaveLength(2);
  expect(world.events.filter((event) => event.includes('ScaledIn'))).toHaveLength(1);
});

test('a replica whose worker ended while it drained is not waited for', async () => {
  const world = await serving();
  const [name = ''] = world.names;
  setBusy(world, name, 5);
  world.change({ suspend: true });
  await world.settle();
  world.setStatus(name, { phase: 'Running', containerStatuses: [container({ terminated: { exitCode: 1 } })] });
  world.sync();
  await world.settle();
  expect(world.names).toEqual([]);
});

test('a replica of the same name that somebody made meanwhile is left alone', async () => {
  const world = await serving();
  const [name = ''] = world.names;
  const pod = world.server.get(name);
  if (!pod) throw new Error('there is no replica');
  world.api.put({ ...pod, metadata: { ...pod.metadata, uid: 'another' } });
  world.change({ replicas: 0 });
  await world.reconcile();
  expect(annotationsOf(world, name)).toEqual(annotationsOf(world, name));
  expect(world.server.get(name)?.metadata).toMatchObject({ uid: 'another' });
  expect(annotationsOf(world, name)).not.toHaveProperty('modelfleet.dev/draining');
});

describe('a rollout', () => {
  const next = { model: { source: 'hf://Qwen/Qwen3-8B' } };

  test('without surge frees the device before it makes the successor', async () => {
    const world = await serving({ rollout: { maxSurge: 0, maxUnavailable: 1 } });
    world.api.graceful = true;
    const [old = ''] = world.names;
    setBusy(world, old, 1);
    world.change(next);
    await world.settle();
    expect(world.names).toEqual([old]); // it drains
    setBusy(world, old);
    await world.settle();
    expect(world.names).toEqual([old]); // its pod is ending
    world.api.end(old);
    world.sync();
    await world.settle();
    expect(world.names).toEqual([expect.not.stringMatching(old)]);
  });

  test('that fails leaves the loaded replicas, and going back ends it at once', async () => {
    const world = await serving({ replicas: 2 });
    const old = world.names;
    world.change(next);
    await world.settle();
    const [failing = ''] = world.names.filter((name) => !old.includes(name));
    world.setStatus(failing, {
      phase: 'Running',
      containerStatuses: [
        container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 3, lastState: { terminated: { exitCode: 1 } } }),
      ],
    });
    world.sync();
    await world.clock.advance(1_000);
    await world.settle();
    expect(world.staying).toEqual([...old, failing]);
    expect(world.condition('Progressing')).toMatchObject({ status: 'False', reason: 'EngineCrashed' });
    world.change({ model: { source: 'hf://Qwen/Qwen3-4B' } });
    await world.settle();
    expect(world.names).toEqual(old);
    expect(world.status).toMatchObject({ phase: 'Ready', readyReplicas: 2 });
  });
});

describe('protection from autoscalers', () => {
  test('ends when the model is loaded, with one write a pod', async () => {
    const world = new World({ replicas: 2 });
    await world.settle();
    const protections = { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false', 'karpenter.sh/do-not-disrupt': 'true' };
    for (const name of world.names) expect(annotationsOf(world, name)).toMatchObject(protections);
    world.api.log.length = 0;
    for (const name of world.names) world.setReady(name);
    await world.settle();
    for (const name of world.names) expect(annotationsOf(world, name)).toEqual({});
    expect(writes(world)).toEqual(['patch qwen', 'patch qwen']);
  });
});

test('creating many replicas is one event', async () => {
  const world = new World({ replicas: 12 });
  await world.settle();
  expect(world.events.filter((event) => event === 'Normal ReplicaCreated')).toHaveLength(1);
  expect(world.messages).toContainEqual(expect.stringMatching(/^Created pods (qwen-\w{5}, ){9}qwen-\w{5} and 2 more\.$/));
});

test('a conflict with another writer is no word that the pod is gone: it is marked at the next try', async () => {
  const world = await serving({ replicas: 1 });
  const [name = ''] = world.names;
  world.setReady(name, { inFlight: 1 });
  world.change({ suspend: true });
  world.api.beforeWrite = () => {
    world.api.beforeWrite = () => {};
    throw answer(409, 'Conflict');
  };
  await expect(world.reconcile()).rejects.toMatchObject({ code: 409 });
  await world.reconcile();
  expect(annotationsOf(world, name)).toMatchObject({ 'modelfleet.dev/draining': 'true' });
});
