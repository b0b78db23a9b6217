import { describe, expect, test } from 'vitest';
import type { ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import { World } from './testing/world.fake.ts';

async function serving(spec: Partial<ModelDeploymentSpec> = {}): Promise<World> {
  const world = new World(spec);
  await world.settle();
  for (const name of world.names) world.setReady(name);
  await world.settle();
  world.api.log.length = 0;
  return world;
}

const finalizers = (world: World) => world.api.deployment?.metadata.finalizers;
const isGone = (world: World) => world.api.deployment === undefined && world.server.size === 0;

describe('the finalizer', () => {
  test('is there before the first replica, with one write', async () => {
    const world = new World({ replicas: 2 });
    await world.settle();
    expect(finalizers(world)).toEqual(['modelfleet.dev/drain']);
    expect(world.api.log.map((line) => line.split(' ')[0])).toEqual(['patch', 'create', 'create']);
  });

  test('is not written again while the cache is behind', async () => {
    const world = new World();
    for (let round = 0; round < 3; round += 1) await world.reconcile();
    expect(world.api.log.filter((line) => line.startsWith('patch'))).toHaveLength(1);
  });

  test('is not put on a deployment that makes no replica', async () => {
    const world = new World({ replicas: 0 });
    await world.settle();
    expect(finalizers(world)).toBeUndefined();
    world.change({ suspend: true, replicas: 1 });
    await world.settle();
    expect(finalizers(world)).toBeUndefined();
    world.delete();
    await world.settle();
    expect(isGone(world)).toBe(true);
  });

  test('comes back when somebody takes it from a deployment that has replicas', async () => {
    const world = await serving();
    world.api.finish('modelfleet.dev/drain');
    world.sync();
    await world.settle();
    expect(finalizers(world)).toEqual(['modelfleet.dev/drain']);
  });

  test('that cannot be put on keeps replicas from being made', async () => {
    const world = new World();
    world.api.beforeWrite = () => {
      throw new Error('no');
    };
    await expect(world.reconcile()).rejects.toThrow('no');
    expect(world.names).toEqual([]);
    world.api.beforeWrite = () => {};
    await world.settle();
    expect(world.names).toHaveLength(1);
  });
});

describe('deletion', () => {
  test('lets replicas finish as scale-in does, then ends', async () => {
    const world = await serving({ replicas: 2 });
    const [busy = '', idle = ''] = world.names;
    world.setReady(busy, { inFlight: 1 });
    world.delete();
    await world.settle();
    expect(world.names).toEqual([busy]);
    expect(world.status).toMatchObject({ phase: 'Terminating' });
    world.setReady(busy, { draining: true });
    await world.settle();
    expect(isGone(world)).toBe(true);
    expect(world.api.log).toEqual([`patch ${busy}`, `patch ${idle}`, `delete ${idle}`, `delete ${busy}`, 'patch qwen']);
  });

  test('of one that is loading ends at once', async () => {
    const world = new World({ replicas: 2 });
    await world.settle();
    world.delete();
    await world.settle();
    expect(isGone(world)).toBe(true);
  });

  test('costs one write to let it go, though our status was written since the cache was told', async () => {
    const world = new World();
    await world.settle();
    world.delete();
    const before = world.api.requests;
    await world.reconcile(); // deletes the pod, and says so in the status
    world.catchUp(); // of the pods only
    await world.reconcile();
    expect(world.api.deployment).toBeUndefined();
    expect(world.api.requests - before).toBe(3);
  });

  test('waits for terminating pods, for no longer than the drain and half a minute', async () => {
    const world = await serving({ rollout: { drainTimeout: '1m' } });
    world.api.graceful = true;
    world.delete();
    await world.settle();
    expect(finalizers(world)).toEqual(['modelfleet.dev/drain']);
    await world.clock.advance(89_000);
    expect(await world.reconcile()).toEqual({ kind: 'requeueAfter', ms: 1_000 });
    await world.clock.advance(1_000);
    await world.settle();
    expect(world.api.deployment).toBeUndefined();
  });

  test('does not wait for pods on a node that is gone', async () => {
    const world = await serving();
    const [pod] = world.server.values();
    if (!pod) throw new Error('there is no replica');
    world.api.put({ ...pod, spec: { ...pod.spec, nodeName: 'gone', containers: pod.spec?.containers ?? [] } });
    world.goneNodes.add('gone');
    world.api.graceful = true;
    world.sync();
    world.delete();
    await world.settle();
    expect(world.ending).toHaveLength(1);
    expect(world.api.deployment).toBeUndefined();
  });

  test('of a deployment that is no longer accepted ends too', async () => {
    const world = await serving();
    world.change({ engine: { type: 'VLLM' } });
    await world.settle();
    expect(world.condition('Accepted')).toMatchObject({ status: 'False' });
    expect(world.names).toHaveLength(1);
    world.delete();
    await world.settle();
    expect(isGone(world)).toBe(true);
  });

  test('of a suspended deployment ends too', async () => {
    const world = await serving();
    world.change({ suspend: true });
    await world.settle();
    expect(world.names).toEqual([]);
    world.delete();
    await world.settle();
    expect(isGone(world)).toBe(true);
  });

  test('with its namespace ends too, and makes nothing', async () => {
    const world = await serving({ replicas: 2 });
    const [first = ''] = world.names;
    world.namespaceEnds = true;
    world.api.deletePod(first);
    world.sync();
    await world.settle();
    expect(world.names).toHaveLength(1);
    world.delete();
    await world.settle();
    expect(isGone(world)).toBe(true);
    expect(world.api.log.filter((line) => line.startsWith('create'))).toEqual([]);
  });

  test('in the foreground lets the garbage collector end the replicas', async () => {
    const world = await serving({ replicas: 2 });
    world.api.graceful = true;
    world.delete('foreground');
    await world.settle();
    expect(finalizers(world)).toContain('modelfleet.dev/drain');
    for (const name of world.names) world.api.end(name);
    world.sync();
    await world.settle();
    expect(isGone(world)).toBe(true);
    expect(world.api.log.filter((line) => line.startsWith('create'))).toEqual([]);
  });

  test('that leaves orphans touches no replica', async () => {
    const world = await serving({ replicas: 2 });
    const pods = JSON.stringify([...world.server]);
    world.delete('orphan');
    await world.settle();
    expect(finalizers(world)).toEqual(['orphan']);
    expect(JSON.stringify([...world.server])).toBe(pods);
  });

  test('right after creation, before the cache has shown anything, leaves nothing behind', async () => {
    const world = new World({ replicas: 2 });
    await world.reconcile();
    world.delete();
    await world.settle();
    expect(isGone(world)).toBe(true);
  });
});
