import type { ModelDeployment, ModelDeploymentSpec } from '../../../src/api/model-deployment.ts';
import type { AgentStatus } from '../../../src/core/agent-contract.ts';
import { FakeClock } from '../../../src/core/fake-clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { ApiError, type KubeObject, type Pod, type ResourceType } from '../../../src/kube/index.ts';
import type { WorkerDefaults } from '../builders/worker-image.ts';
import { PendingWrites } from '../pending-writes.ts';
import { type ReconcilerOptions, reconciler } from '../reconcile.ts';
import type { Probe } from '../replica.ts';
import { agent, container, deployment, namespace, t0 } from './makers.fake.ts';

const key = 'models/qwen';
/** The server refuses a request. */
export const answer = (code: number, reason: string, message = `it is ${reason}`) =>
  new ApiError({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message });

/** A server and a cache of it that shows what was written only when `sync` is called. */
export class World {
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
  /** Somebody has deleted the namespace. */
  namespaceEnds = false;
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
        namespaces: { get: () => namespace(this.podSecurity, this.namespaceEnds) },
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
        if (storeOf(type).has(name)) throw answer(409, 'AlreadyExists');
        this.version += 1;
        const created = { ...draft, metadata: { ...draft.metadata, uid: `uid-${name}`, resourceVersion: String(this.version) } };
        this.onCreate(created);
        storeOf(type).set(name, created);
        return created;
      },
      get: async (type: ResourceType, { name }: { name: string }) => {
        const found = storeOf(type).get(name);
        if (!found) throw answer(404, 'NotFound');
        return found;
      },
      delete: async (_: unknown, { name }: { name: string }) => {
        if (!this.server.delete(name)) throw answer(404, 'NotFound');
      },
      apply: async (_: unknown, intent: { status: NonNullable<ModelDeployment['status']> }) => {
        this.version += 1;
        this.statusWrites.push(intent.status);
        return { metadata: { resourceVersion: String(this.version) } };
      },
    };
  }
}
