import { describe, expect, test } from 'vitest';
import type { ModelDeployment, ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import type { AgentStatus } from '../../src/core/agent-contract.ts';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { ApiError, ConnectionError, type KubeObject, type Pod, type ResourceType } from '../../src/kube/index.ts';
import type { WorkerDefaults } from './builders/worker-image.ts';
import { PendingWrites } from './pending-writes.ts';
import { type ReconcilerOptions, reconciler } from './reconcile.ts';
import type { Probe } from './replica.ts';
import { agent, container, deployment, namespace, t0 } from './testing/makers.fake.ts';

const key = 'models/qwen';
const status = (code: number, reason: string, message = `it is ${reason}`) =>
  new ApiError({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message });

/** A server and a cache of it that shows what was written only when `sync` is called. */
class World {
  readonly clock = new FakeClock(t0);
  readonly server = new Map<string, Pod>();
  readonly cached = new Map<string, Pod>();
  readonly probes = new Map<string, Probe>();
  readonly statusWrites: NonNullable<ModelDeployment['status']>[] = [];
  readonly events: string[] = [];
  readonly claims = new Map<string, KubeObject>();
  onCreate: (object: Pod) => void = () => {};
  defaults: WorkerDefaults = { workerImage: 'modelfleet-worker' };
  podSecurity: string | undefined;
  private deployment: ModelDeployment | undefined;
  private version = 1;
  private draws = 0;
  private reconciler = this.newReconciler();

  constructor(spec: Partial<ModelDeploymentSpec> = {}) {
    this.change(spec);
  }

  change(spec: Partial<ModelDeploymentSpec>): void {
    this.version += 1;
    const generation = (this.deployment?.metadata.generation ?? 0) + 1;
    const next = deployment({ ...this.deployment?.spec, ...spec }, { generation, resourceVersion: String(this.version) });
    this.deployment = this.deployment?.status ? { ...next, status: this.deployment.status } : next;
  }

  /** Another process takes over: all that was remembered is gone. */
  restart(): void {
    this.reconciler = this.newReconciler();
  }

  annotate(annotations: Readonly<Record<string, string>>): void {
    if (!this.deployment) return;
    const { metadata } = this.deployment;
    this.deployment = { ...this.deployment, metadata: { ...metadata, annotations } };
  }

  reconcile() {
    return this.reconciler(key, { signal: new AbortController().signal, logger: silentLogger });
  }

  /** The cache catches up, the status included. */
  sync(): void {
    this.cached.clear();
    for (const [name, pod] of this.server) this.cached.set(name, pod);
    const written = this.statusWrites.at(-1);
    if (this.deployment && written) {
      const { metadata } = this.deployment;
      this.deployment = { ...this.deployment, metadata: { ...metadata, resourceVersion: String(this.version) }, status: written };
    }
  }

  /** Reconciles and catches up until nothing is written any more. */
  async settle(): Promise<void> {
    for (let round = 0, before = ''; round < 20; round += 1) {
      await this.reconcile();
      this.sync();
      const now = JSON.stringify([[...this.server.keys()], this.statusWrites.length]);
      if (now === before) return;
      before = now;
    }
    throw new Error('it does not settle');
  }

  setReady(name: string, fields: Partial<AgentStatus> = {}): void {
    const pod = this.server.get(name);
    if (!pod) throw new Error(`no pod ${name}`);
    const conditions = [{ type: 'Ready', status: 'True' }];
    this.server.set(name, { ...pod, status: { phase: 'Running', conditions, containerStatuses: [container({ running: {} })] } });
    this.probes.set(pod.metadata.uid ?? '', { status: agent({ phase: 'Ready', percent: 100, ...fields }) });
    this.sync();
  }

  get status() {
    return this.statusWrites.at(-1);
  }

  get names(): string[] {
    return [...this.server.keys()];
  }

  condition(type: string) {
    return this.status?.conditions?.find((condition) => condition.type === type);
  }

  private newReconciler() {
    return reconciler(
      {
        deployments: { get: () => this.deployment },
        pods: { byIndex: () => [...this.cached.values()] },
        nodes: { get: () => undefined },
        namespaces: { get: () => namespace(this.podSecurity) },
        writes: new PendingWrites(this.clock),
        probe: (uid) => this.probes.get(uid),
        defaults: this.defaults,
      },
      {
        client: this.client() as unknown as ReconcilerOptions['client'],
        clock: this.clock,
        events: { event: (_, type, reason) => this.events.push(`${type} ${reason}`) },
        random: () => {
          this.draws += 1;
          return (this.draws * 0.618) % 1;
        },
      },
    );
  }

  private client() {
    const storeOf = ({ kind }: ResourceType): Map<string, KubeObject> => (kind === 'Pod' ? this.server : this.claims);
    return {
      create: async (type: ResourceType, draft: Pod) => {
        const { name } = draft.metadata;
        if (storeOf(type).has(name)) throw status(409, 'AlreadyExists');
        this.version += 1;
        const created = { ...draft, metadata: { ...draft.metadata, uid: `uid-${name}`, resourceVersion: String(this.version) } };
        this.onCreate(created);
        storeOf(type).set(name, created);
        return created;
      },
      get: async (type: ResourceType, { name }: { name: string }) => {
        const found = storeOf(type).get(name);
        if (!found) throw status(404, 'NotFound');
        return found;
      },
      delete: async (_: unknown, { name }: { name: string }) => {
        if (!this.server.delete(name)) throw status(404, 'NotFound');
      },
      apply: async (_: unknown, intent: { status: NonNullable<ModelDeployment['status']> }) => {
        this.version += 1;
        this.statusWrites.push(intent.status);
        return { metadata: { resourceVersion: String(this.version) } };
      },
    };
  }
}

test('brings up the replicas that are asked for, and tells their progress', async () => {
  const world = new World({ replicas: 3 });
  await world.settle();
  expect(world.names).toHaveLength(3);
  expect(world.status).toMatchObject({ phase: 'Pending', replicas: 3, readyReplicas: 0, columns: { ready: '0/3' } });
  for (const name of world.names) world.setReady(name);
  await world.settle();
  expect(world.status).toMatchObject({ phase: 'Ready', readyReplicas: 3, columns: { ready: '3/3', load: '100%' } });
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
    expect(world.condition('Progressing')).toMatchObject({ reason: 'Complete' });
  });
});

test('a write that may succeed the next time is left to the queue, and told', async () => {
  const world = new World({ replicas: 8 });
  let tries = 0;
  world.onCreate = () => {
    tries += 1;
    throw status(500, 'InternalError');
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
  world.server.delete(first);
  world.sync();
  await world.settle();
  expect(world.names).toHaveLength(2);
  expect(world.names).not.toContain(first);
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
    expect(world.names).toEqual([]);
    const result = await world.reconcile();
    const ms = result.kind === 'requeueAfter' ? result.ms : 0;
    waits.push(ms);
    await world.clock.advance(ms);
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(world.events).toContain('Warning ReplicaEnded');
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

test('bytes and speeds are told every five seconds, percents at once', async () => {
  const world = new World();
  await world.settle();
  const [name = ''] = world.names;
  const pod = world.server.get(name);
  if (!pod) throw new Error('there is no replica');
  world.server.set(name, { ...pod, status: { phase: 'Running', containerStatuses: [container({ running: {} })] } });
  world.sync();
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
  expect(await tell({ bytesDone: 53, percent: 60 })).toBe(1);
  expect(world.status?.loading).toMatchObject({ phase: 'LoadingWeights', percent: 78, bytesDone: 53 });
});
