import { describe, expect, test } from 'vitest';
import type { ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import { ApiError } from '../../src/kube/index.ts';
import { answer, World } from './testing/world.fake.ts';

describe('replicas that the server refuses', () => {
  const refused = new ApiError({ code: 403, message: 'pods "qwen-abcde" is forbidden: exceeded quota: gpus' });

  function refusing(spec: Partial<ModelDeploymentSpec> = {}): { readonly world: World; readonly tries: () => number } {
    const world = new World(spec);
    let tries = 0;
    world.onCreate = () => {
      tries += 1;
      throw refused;
    };
    return { world, tries: () => tries };
  }

  test('are told of in the words of the server with a remedy, and only one is tried', async () => {
    const { world, tries } = refusing({ replicas: 8 });
    expect(await world.reconcile()).toEqual({ kind: 'requeueAfter', ms: 1_000 });
    expect(tries()).toBe(1);
    expect(world.status).toMatchObject({ phase: 'Failed', replicas: 0 });
    for (const type of ['Progressing', 'Ready', 'Loaded'])
      expect(world.condition(type)).toMatchObject({
        status: 'False',
        reason: 'QuotaExceeded',
        message: expect.stringMatching(/^exceeded quota: gpus\. A quota .*raise it/),
      });
  });

  test('are tried again more and more rarely, whatever else is reconciled, with one event', async () => {
    const { world, tries } = refusing();
    for (let second = 0; second < 600; second += 1) {
      await world.reconcile();
      await world.clock.advance(1_000);
    }
    expect(tries()).toBe(11); // after 0, 1, 3, 7, 15, 31, 63, 127, 247, 367 and 487 seconds
    expect(world.events).toEqual(['Warning QuotaExceeded']);
    expect(world.statusWrites).toHaveLength(1);
  });

  test('are tried at once when the spec or the level of the namespace changes', async () => {
    const { world, tries } = refusing();
    for (let round = 0; round < 5; round += 1) {
      await world.reconcile();
      await world.clock.advance(1_000);
    }
    const before = tries();
    world.podSecurity = 'baseline';
    await world.reconcile();
    expect(tries()).toBe(before + 1);
    world.change({ resources: { limits: { cpu: 1 } } });
    await world.reconcile();
    expect(tries()).toBe(before + 2);
  });

  test('are created once they may be, and nothing is left of the refusal', async () => {
    const { world } = refusing();
    await world.reconcile();
    world.onCreate = () => {};
    await world.clock.advance(1_000);
    await world.settle();
    expect(world.names).toHaveLength(1);
    expect(world.status).toMatchObject({ phase: 'Pending' });
    expect(world.condition('Progressing')).toMatchObject({ status: 'True', reason: 'Loading' });
  });

  test('are forgotten when none is wanted any more', async () => {
    const { world } = refusing();
    await world.reconcile();
    world.change({ replicas: 0 });
    await world.reconcile();
    expect(world.status).toMatchObject({ phase: 'ScaledToZero' });
    expect(world.condition('Progressing')).toMatchObject({ reason: 'RolloutComplete' });
  });
});

test('a write that may succeed the next time is left to the queue, and told', async () => {
  const world = new World({ replicas: 8 });
  let tries = 0;
  world.onCreate = () => {
    tries += 1;
    throw answer(500, 'InternalError');
  };
  await expect(world.reconcile()).rejects.toThrow('InternalError');
  expect(tries).toBe(1);
  expect(world.condition('Progressing')).toMatchObject({
    status: 'False',
    reason: 'ReplicasNotApplied',
    message: expect.stringContaining('InternalError'),
  });
  expect(world.status).toMatchObject({ phase: 'Pending' });
  expect(world.events).toEqual([]);
});

describe('the claim of a cache', () => {
  const cache = { type: 'PersistentVolumeClaim', size: '50Gi' } as const;
  const affinityOf = (world: World) => [...world.server.values()].map(({ spec }) => spec?.affinity !== undefined);

  test('is made once, before the replicas', async () => {
    const world = new World({ cache, replicas: 2 });
    const made: string[] = [];
    world.onCreate = ({ metadata }) => made.push(metadata.name === 'qwen-cache' ? 'claim' : 'replica');
    await world.settle();
    world.change({ replicas: 3 });
    await world.settle();
    expect(made).toEqual(['claim', 'replica', 'replica', 'replica']);
    expect([...world.claims.keys()]).toEqual(['qwen-cache']);
    expect(affinityOf(world)).toEqual([false, false, false]);
  });

  test('draws all replicas to its node while only one node can have it, also those that came later', async () => {
    const world = new World({ cache });
    await world.settle();
    world.change({ replicas: 2 });
    await world.settle();
    expect(affinityOf(world)).toEqual([true, true]);
  });

  test.each([
    ['nobody', undefined, 'belongs to no ModelDeployment'],
    ['a deployment of the same name from before', 'uid-old', 'belongs to ModelDeployment qwen (UID uid-old)'],
  ])('is not used when it belongs to %s', async (_, uid, words) => {
    const world = new World({ cache });
    const owner = { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name: 'qwen', controller: true };
    const ownerReferences = uid === undefined ? [] : [{ ...owner, uid }];
    world.claims.set('qwen-cache', { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'qwen-cache', ownerReferences } });
    await world.reconcile();
    expect(world.names).toEqual([]);
    expect(world.status).toMatchObject({ phase: 'Failed' });
    expect(world.condition('Ready')).toMatchObject({ status: 'False', reason: 'CacheClaimTaken', message: expect.stringContaining(words) });
    world.claims.clear();
    await world.clock.advance(1_000);
    await world.settle();
    expect(world.names).toHaveLength(1);
  });

  test('keeps new replicas waiting while it is being deleted', async () => {
    const world = new World({ cache });
    await world.settle();
    const [claim] = world.claims.values();
    if (!claim) throw new Error('there is no claim');
    world.claims.set('qwen-cache', { ...claim, metadata: { ...claim.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
    world.change({ replicas: 2 });
    await world.settle();
    expect(world.names).toHaveLength(1);
    expect(world.condition('Progressing')).toMatchObject({
      reason: 'VolumeUnavailable',
      message: expect.stringContaining('is being deleted'),
    });
  });
});

test('a HostPath cache waits for a namespace that allows it', async () => {
  const world = new World({ cache: { type: 'HostPath' } });
  world.podSecurity = 'restricted';
  await world.settle();
  expect(world.names).toEqual([]);
  expect(world.status).toMatchObject({ phase: 'Failed' });
  expect(world.condition('Accepted')).toMatchObject({ status: 'False', reason: 'PodSecurityForbidden' });
  world.podSecurity = 'privileged';
  await world.settle();
  expect(world.names).toHaveLength(1);
  expect(world.condition('Accepted')).toMatchObject({ status: 'True' });
});
