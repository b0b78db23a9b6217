import { expect, test } from 'vitest';
import type { ModelDeployment, ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import type { AgentStatus } from '../../src/core/agent-contract.ts';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { ApiError, ConnectionError, type Pod } from '../../src/kube/index.ts';
import { PendingWrites } from './pending-writes.ts';
import { type ReconcilerOptions, reconciler } from './reconcile.ts';
import type { Probe } from './replica.ts';
import { agent, container, deployment, t0 } from './testing/makers.fake.ts';

const key = 'models/qwen';
const status = (code: number, reason: string) =>
  new ApiError({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: `it is ${reason}` });

/** A server and a cache of it that shows what was written only when `sync` is called. */
class World {
  readonly clock = new FakeClock(t0);
  readonly server = new Map<string, Pod>();
  readonly cached = new Map<string, Pod>();
  readonly probes = new Map<string, Probe>();
  readonly statusWrites: NonNullable<ModelDeployment['status']>[] = [];
  readonly events: string[] = [];
  onCreate: (pod: Pod) => void = () => {};
  private readonly writes = new PendingWrites(this.clock);
  private deployment: ModelDeployment | undefined;
  private version = 1;
  private draws = 0;
  private readonly reconciler = reconciler(
    {
      deployments: { get: () => this.deployment },
      pods: { byIndex: () => [...this.cached.values()] },
      nodes: { get: () => undefined },
      writes: this.writes,
      probe: (uid) => this.probes.get(uid),
      workerImage: 'modelfleet-worker',
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

  constructor(spec: Partial<ModelDeploymentSpec> = {}) {
    this.change(spec);
  }

  change(spec: Partial<ModelDeploymentSpec>): void {
    this.version += 1;
    const generation = (this.deployment?.metadata.generation ?? 0) + 1;
    const next = deployment({ ...this.deployment?.spec, ...spec }, { generation, resourceVersion: String(this.version) });
    this.deployment = this.deployment?.status ? { ...next, status: this.deployment.status } : next;
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

  private client() {
    return {
      create: async (_: unknown, draft: Pod) => {
        const { name } = draft.metadata;
        if (this.server.has(name)) throw status(409, 'AlreadyExists');
        this.version += 1;
        const pod = { ...draft, metadata: { ...draft.metadata, uid: `uid-${name}`, resourceVersion: String(this.version) } };
        this.onCreate(pod);
        this.server.set(name, pod);
        return pod;
      },
      get: async (_: unknown, { name }: { name: string }) => this.server.get(name),
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

test('tells why replicas cannot be created, and tries one at a time', async () => {
  const world = new World({ replicas: 8 });
  let tries = 0;
  world.onCreate = () => {
    tries += 1;
    throw status(403, 'Forbidden');
  };
  await expect(world.reconcile()).rejects.toThrow('Forbidden');
  expect(tries).toBe(1);
  const progressing = world.status?.conditions?.find(({ type }) => type === 'Progressing');
  expect(progressing).toMatchObject({ status: 'False', reason: 'ReplicasNotApplied', message: expect.stringContaining('Forbidden') });
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
