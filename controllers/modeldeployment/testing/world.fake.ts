import type { ModelDeployment, ModelDeploymentSpec } from '../../../src/api/model-deployment.ts';
import { isReplicaDraining } from '../../../src/api/replica.ts';
import type { AgentStatus } from '../../../src/core/agent-contract.ts';
import { FakeClock } from '../../../src/core/fake-clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Pod } from '../../../src/kube/index.ts';
import type { WorkerDefaults } from '../builders/worker-image.ts';
import { PendingWrites } from '../pending-writes.ts';
import type { Probe } from '../probe.ts';
import { type ReconcilerOptions, reconciler } from '../reconcile.ts';
import { agent, container, deployment, namespace, t0 } from './makers.fake.ts';
import { ServerFake } from './server.fake.ts';

export { answer } from './server.fake.ts';

const key = 'models/qwen';

/** A server and a cache of it that shows what was written only when `sync` is called. */
export class World {
  readonly clock = new FakeClock(t0);
  readonly api = new ServerFake(this.clock);
  readonly cached = new Map<string, Pod>();
  readonly probes = new Map<string, Probe>();
  readonly events: string[] = [];
  readonly messages: string[] = [];
  defaults: WorkerDefaults = { workerImage: 'modelfleet-worker' };
  podSecurity: string | undefined;
  /** What becomes of a turn between zero and one. */
  turn: NonNullable<ReconcilerOptions['scaling']>['turn'] = async () => ({ written: false });
  readonly goneNodes = new Set<string>();
  /** UIDs of pods whose engine hangs by the word of a gateway. */
  readonly wedged = new Set<string>();
  /** Somebody has deleted the namespace. */
  namespaceEnds = false;
  private shown: ModelDeployment | undefined;
  private generation = 0;
  private draws = 0;
  private writes = new PendingWrites(this.clock);
  private reconciler = this.newReconciler();

  constructor(spec: Partial<ModelDeploymentSpec> = {}) {
    this.change(spec);
  }

  change(spec: Partial<ModelDeploymentSpec>): void {
    const before = this.api.deployment;
    this.generation += 1;
    const { metadata, ...rest } = deployment({ ...before?.spec, ...spec }, { ...before?.metadata, generation: this.generation });
    this.store({ ...rest, metadata, ...(before?.status && { status: before.status }) });
  }

  /** Another process takes over: all that was remembered is gone, and it begins with what the server has. */
  restart(): void {
    this.writes = new PendingWrites(this.clock);
    this.reconciler = this.newReconciler();
    this.sync();
  }

  annotate(annotations: Readonly<Record<string, string>>): void {
    const { deployment } = this.api;
    if (deployment) this.store({ ...deployment, metadata: { ...deployment.metadata, annotations } });
  }

  /** Somebody deletes the deployment. */
  delete(how: 'background' | 'foreground' | 'orphan' = 'background'): void {
    this.api.deleteDeployment(how);
    this.shown = this.api.deployment;
  }

  reconcile({ urgent = false } = {}) {
    return this.reconciler(key, { urgent, signal: new AbortController().signal, logger: silentLogger });
  }

  /** The caches catch up, as if they were listed anew. */
  sync(): void {
    this.catchUp();
    this.cached.clear();
    for (const [name, pod] of this.server) this.cached.set(name, pod);
    this.shown = this.api.deployment;
  }

  /** The cache of the pods hears of the next changes, of all unless told how many; agents hear that they are to drain. */
  catchUp(changes = Number.POSITIVE_INFINITY): void {
    for (const { pod, gone } of this.api.changes.splice(0, changes)) {
      if (!gone) this.cached.set(pod.metadata.name, pod);
      else {
        this.cached.delete(pod.metadata.name);
        this.writes.gone(key, pod.metadata.uid ?? '');
      }
    }
    for (const pod of this.server.values()) {
      const { uid = '' } = pod.metadata;
      const status = this.probes.get(uid)?.status;
      if (status && isReplicaDraining(pod)) this.probes.set(uid, { status: { ...status, draining: true } });
    }
  }

  /** Reconciles and catches up until nothing is written any more. */
  async settle(): Promise<void> {
    for (let round = 0, before = ''; round < 30; round += 1) {
      await this.reconcile();
      this.sync();
      const now = JSON.stringify([[...this.server], this.api.deployment, [...this.probes]]);
      if (now === before) return;
      before = now;
    }
    throw new Error('it does not settle');
  }

  /** Changes the status of a pod, as its kubelet does. */
  setStatus(name: string, status: NonNullable<Pod['status']>): Pod {
    const pod = this.server.get(name);
    if (!pod) throw new Error(`no pod ${name}`);
    return this.api.put({ ...pod, status });
  }

  setReady(name: string, fields: Partial<AgentStatus> = {}): void {
    this.loads(name, fields);
    this.sync();
  }

  /** The replica has loaded; the cache does not know yet. */
  loads(name: string, fields: Partial<AgentStatus> = {}): void {
    const conditions = [{ type: 'Ready', status: 'True' as const }];
    const { metadata } = this.setStatus(name, { phase: 'Running', conditions, containerStatuses: [container({ running: {} })] });
    this.probes.set(metadata.uid ?? '', { status: agent({ phase: 'Ready', percent: 100, ...fields }) });
  }

  get server(): Map<string, Pod> {
    return this.api.pods;
  }

  get claims() {
    return this.api.claims;
  }

  get statusWrites() {
    return this.api.statusWrites;
  }

  set onCreate(onCreate: (object: Pod) => void) {
    this.api.onCreate = onCreate;
  }

  get status() {
    return this.statusWrites.at(-1);
  }

  get names(): string[] {
    return [...this.server.keys()];
  }

  /** Names of pods that are neither marked to drain nor being deleted, and have not ended. */
  get staying(): string[] {
    const stays = (pod: Pod) => !isReplicaDraining(pod) && pod.status?.phase !== 'Failed';
    return [...this.server.values()].filter(stays).map(({ metadata }) => metadata.name);
  }

  /** Names of pods that are being deleted. */
  get ending(): string[] {
    return [...this.server.values()].filter(({ metadata }) => metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
  }

  condition(type: string) {
    return this.status?.conditions?.find((condition) => condition.type === type);
  }

  private store(deployment: ModelDeployment): void {
    this.shown = this.api.putDeployment(deployment);
  }

  private newReconciler() {
    const { writes } = this;
    return reconciler(
      {
        deployments: { get: () => this.shown, byIndex: () => (this.shown ? [this.shown] : []) },
        pods: { byIndex: () => [...this.cached.values()] },
        nodes: { get: (name) => (this.goneNodes.has(name) ? undefined : { apiVersion: 'v1', kind: 'Node', metadata: { name } }) },
        namespaces: { get: () => namespace(this.podSecurity, this.namespaceEnds) },
        writes,
        probe: (uid) => this.probes.get(uid),
        podEvent: () => undefined,
        wedgedReplicas: () => [...this.wedged],
        defaults: this.defaults,
      },
      {
        client: this.api.client() as unknown as ReconcilerOptions['client'],
        clock: this.clock,
        events: {
          event: (_, type, reason, message) => {
            this.events.push(`${type} ${reason}`);
            this.messages.push(message);
          },
        },
        scaling: { turn: (...seen) => this.turn(...seen), keep: async () => undefined, forget: () => {} },
        random: () => {
          this.draws += 1;
          return (this.draws * 0.618) % 1;
        },
      },
    );
  }
}
