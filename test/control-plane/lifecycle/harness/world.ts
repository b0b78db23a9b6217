import { randomBytes } from 'node:crypto';
import { expect, inject } from 'vitest';
import { modelDeployments } from '../../../../controllers/modeldeployment/status-writer.ts';
import type { ModelDeployment, ModelDeploymentSpec, ModelDeploymentStatus } from '../../../../src/api/model-deployment.ts';
import { isReplicaDraining, isReplicaReady } from '../../../../src/api/replica.ts';
import { annotations, labels } from '../../../../src/api/resources.ts';
import {
  type Event,
  events,
  InformerCache,
  isNotFound,
  type KubeClient,
  type KubeObject,
  type MergePatch,
  namespaces,
  type ObjectMeta,
  type Pod,
  pods,
  type ResourceType,
} from '../../../../src/kube/index.ts';
import { type Account, openAccount } from './account.ts';
import { type Budget, conflicts, fits } from './budget.ts';
import { type CallLog, OperatorProcess } from './operator-process.ts';
import { ScriptedKubelet } from './scripted-kubelet.ts';
import { conditionsLike, headline, type Shown } from './shown.ts';
import { columnsOf } from './table.ts';
import { until } from './until.ts';

const kubeconfig = inject('kubeconfig');

/** Extremes over a time. Pods on their way out stand no more but are there. */
export type PodCounts = {
  readonly fewestServing: number;
  readonly mostStanding: number;
  readonly mostThere: number;
  readonly mostRevisions: number;
};

/** A namespace with a scripted kubelet and the operator under test. */
export class World {
  readonly namespace: string;
  readonly admin: KubeClient;
  readonly kubelet: ScriptedKubelet;
  readonly log: CallLog = { writes: [], forbidden: [], answers: new Map() };
  private readonly account: Account;
  private readonly cache: InformerCache;
  private readonly deployments;
  private readonly told;
  private readonly replicas;
  private readonly statuses = new Map<string, ModelDeploymentStatus[]>();
  private readonly stopping = new AbortController();
  private readonly following: Promise<void>;
  private readonly atEnd: (() => void)[] = [];
  private operator: OperatorProcess | undefined;

  private constructor(account: Account, namespace: string) {
    this.account = account;
    this.admin = account.admin;
    this.namespace = namespace;
    this.cache = new InformerCache(account.admin);
    this.deployments = this.cache.informer(modelDeployments, { namespace });
    this.replicas = this.cache.informer(pods, { namespace });
    this.told = this.cache.informer(events, { namespace, fieldSelector: 'involvedObject.kind=ModelDeployment' });
    this.kubelet = new ScriptedKubelet(account.admin, this.replicas, `${namespace}-a`);
    this.deployments.addHandler({ add: (object) => this.note(object), update: (object) => this.note(object) });
    this.following = this.cache.run(this.stopping.signal);
  }

  static async open(): Promise<World> {
    const account = await openAccount(kubeconfig);
    const namespace = `life-${randomBytes(4).toString('hex')}`;
    await account.admin.create(namespaces, { metadata: { name: namespace } });
    // Without it no pod is admitted, and its controller may take a second.
    await account.admin
      .request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { body: { metadata: { name: 'default' } } })
      .catch((error: unknown) => {
        if (!(error instanceof Error && 'code' in error && error.code === 409)) throw error;
      });
    const world = new World(account, namespace);
    await world.cache.synced(AbortSignal.timeout(20_000));
    await world.kubelet.join(`${namespace}-a`, { 'node.kubernetes.io/instance-type': 'small' });
    world.startOperator();
    return world;
  }

  /** Ends everything that runs. Throws what a play or the operator failed with. */
  async end(): Promise<void> {
    try {
      await this.kubelet.close();
      await this.operator?.stop();
    } finally {
      this.stopping.abort();
      await this.following;
    }
  }

  /** What holds at the end of every scenario. */
  check(): void {
    expect(this.log.forbidden).toEqual([]);
    for (const check of this.atEnd) check();
  }

  startOperator(): void {
    this.operator = new OperatorProcess(this.account, this.namespace, this.log);
  }

  /** Orderly, as an upgrade does. */
  async stopOperator(): Promise<void> {
    await this.operator?.stop();
    this.operator = undefined;
  }

  /** As a machine does that loses power. */
  async dropOperator(): Promise<void> {
    await this.operator?.drop();
    this.operator = undefined;
  }

  /** Applies a deployment as a user does; fields that are not named are taken back. */
  async apply(name: string, spec: Partial<ModelDeploymentSpec> = {}, metadata: Partial<ObjectMeta> = {}): Promise<ModelDeployment> {
    const whole = { model: { source: 'hf://Qwen/Qwen3-4B' }, ...spec };
    const object = { metadata: { ...metadata, name, namespace: this.namespace }, spec: whole };
    return this.seen(await this.admin.apply(modelDeployments, object, { fieldManager: 'user', force: true }));
  }

  async patch(name: string, patch: MergePatch<ModelDeployment>): Promise<void> {
    await this.seen(await this.admin.mergePatch<ModelDeployment>(modelDeployments, { namespace: this.namespace, name }, patch));
  }

  /** Waits until `get` shows this generation: what is asked of the old one would hold already. */
  private async seen(deployment: ModelDeployment): Promise<ModelDeployment> {
    const { name, generation = 0 } = deployment.metadata;
    await until(() => (this.get(name)?.metadata.generation ?? 0) >= generation);
    return deployment;
  }

  async restart(name: string): Promise<void> {
    await this.patch(name, { metadata: { annotations: { [annotations.restartedAt]: new Date().toISOString() } } });
  }

  /** Sets the level of the Pod Security Standards that the namespace enforces. */
  async enforce(level: 'privileged' | 'baseline' | 'restricted'): Promise<void> {
    await this.admin.mergePatch(
      namespaces,
      { name: this.namespace },
      {
        metadata: { labels: { 'pod-security.kubernetes.io/enforce': level } },
      },
    );
  }

  async delete(name: string, propagationPolicy: 'Background' | 'Foreground' | 'Orphan' = 'Background'): Promise<void> {
    await this.admin.delete(modelDeployments, { namespace: this.namespace, name }, { propagationPolicy });
  }

  get(name: string): ModelDeployment | undefined {
    return this.deployments.store.get(`${this.namespace}/${name}`);
  }

  /** The pods that are there, oldest first. */
  pods(): readonly Pod[] {
    const age = ({ metadata }: Pod) => this.kubelet.pods.findIndex(({ uid }) => uid === metadata.uid);
    return this.replicas.store.list().toSorted((a, b) => age(a) - age(b));
  }

  /** Objects of another kind in the namespace. */
  async list<T extends KubeObject>(type: ResourceType<T>): Promise<readonly T[]> {
    return (await this.admin.list(type, { namespace: this.namespace })).items;
  }

  async exists(type: ResourceType, name: string): Promise<boolean> {
    try {
      await this.admin.get(type, { namespace: this.namespace, name });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Every status that was seen of a deployment, oldest first. */
  history(name: string): readonly ModelDeploymentStatus[] {
    return this.statuses.get(name) ?? [];
  }

  /** Events of a deployment. */
  events(name: string): readonly Event[] {
    return this.told.store.list().filter(({ involvedObject }) => involvedObject.name === name);
  }

  /** Waits until a deployment looks like this. */
  async shows(name: string, shown: Shown, timeoutMs?: number): Promise<void> {
    await until(async () => {
      const { status } = this.get(name) ?? {};
      const seen = {
        phase: status?.phase,
        conditions: conditionsLike(status?.conditions ?? [], shown.conditions ?? {}),
        replicas: status?.replicaStatuses ?? [],
        loading: status?.loading,
      };
      const { replicas, columns, events: wanted, conditions, ...plain } = shown;
      expect(seen).toMatchObject({ ...plain, ...(conditions && { conditions }) });
      if (replicas) {
        expect(seen.replicas).toHaveLength(replicas.length);
        expect(seen.replicas).toEqual(expect.arrayContaining(replicas.map((replica) => expect.objectContaining(replica))));
      }
      if (wanted) {
        const told = this.events(name).map(headline);
        expect(told.filter((one) => wanted.includes(one)).sort(), told.join(', ')).toEqual([...wanted].sort());
      }
      if (columns) expect(await columnsOf(this.account.access, this.namespace, name)).toMatchObject(columns);
    }, timeoutMs);
  }

  /** Waits until so many pods are there, none of them on its way out. */
  async hasPods(count: number, timeoutMs?: number): Promise<readonly Pod[]> {
    await until(
      () => expect(this.pods().map(outline)).toEqual(Array.from({ length: count }, () => expect.stringMatching(/^\S+$/))),
      timeoutMs,
    );
    return this.pods();
  }

  /** Waits until all wanted replicas are loaded, of the current generation. */
  async loaded(name: string, replicas: number, timeoutMs?: number): Promise<void> {
    await until(() => {
      const { metadata, status } = this.get(name) ?? {};
      const { observedGeneration, readyReplicas, updatedReplicas, phase } = status ?? {};
      expect({ observedGeneration, readyReplicas, updatedReplicas, phase }).toEqual({
        observedGeneration: metadata?.generation,
        readyReplicas: replicas,
        updatedReplicas: replicas,
        phase: 'Ready',
      });
    }, timeoutMs);
  }

  /** Waits until one of the statuses so far had this condition, written as in `shows`. */
  async showed(name: string, type: string, wanted: string, timeoutMs?: number): Promise<void> {
    await until(() => {
      const seen = this.history(name).flatMap(({ conditions = [] }) => conditionsLike(conditions, { [type]: wanted })[type] ?? []);
      expect([...new Set(seen)]).toContain(wanted);
    }, timeoutMs);
  }

  /** Notes the fewest and the most pods that are there at a time, from now on. */
  countPods(): PodCounts {
    const counts = { fewestServing: Number.POSITIVE_INFINITY, mostStanding: 0, mostThere: 0, mostRevisions: 0 };
    const look = () => {
      const there = this.replicas.store.list();
      const standing = there.filter((pod) => !isReplicaDraining(pod) && pod.status?.phase !== 'Failed');
      counts.fewestServing = Math.min(counts.fewestServing, there.filter(isReplicaReady).length);
      counts.mostStanding = Math.max(counts.mostStanding, standing.length);
      counts.mostThere = Math.max(counts.mostThere, there.length);
      counts.mostRevisions = Math.max(counts.mostRevisions, new Set(there.map(revisionOf)).size);
    };
    this.replicas.addHandler({ add: look, update: look, delete: look });
    return counts;
  }

  /** Waits until this is so. */
  async eventually(check: () => unknown, timeoutMs?: number): Promise<void> {
    await until(check, timeoutMs);
  }

  /** How often the operator did each kind of write so far; those that lost against another writer are a kind of their own. */
  writes(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { what, code } of this.log.writes) {
      const kind = code === 409 ? conflicts : what;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  }

  /** All writes with their answers and all events, for whoever has to find out. */
  private accounts(): string {
    const answers = this.log.writes.map(({ what, code }) => (code === 200 ? what : `${what} (${code})`));
    const grouped = [...Map.groupBy(answers, (answer) => answer)].map(([answer, { length }]) => `${length} x ${answer}`);
    const said = this.told.store.list().map((event) => `${headline(event)}: ${event.message}`);
    return `wrote ${grouped.join(', ')}; said:\n${said.join('\n')}\n`;
  }

  /** Waits until the operator has written what a budget says; it may then write no more of what is counted. */
  async wrote(budget: Budget, timeoutMs?: number): Promise<void> {
    const check = () => {
      const counts = this.writes();
      const kinds = [...new Set([...Object.keys(counts), ...Object.keys(budget)])];
      const wrong = kinds.filter((kind) => !fits(counts[kind] ?? 0, budget[kind] ?? 0));
      expect(wrong, this.accounts()).toEqual([]);
    };
    await until(check, timeoutMs);
    this.atEnd.push(check);
  }

  /** Waits until something has happened, during which the operator may write nothing. */
  async writesNothingUntil(happened: () => unknown, timeoutMs?: number): Promise<void> {
    const before = this.log.writes.length;
    await until(happened, timeoutMs);
    expect(this.log.writes.slice(before).map(({ what }) => what)).toEqual([]);
  }

  private note({ metadata, status }: ModelDeployment): void {
    if (!status) return;
    const before = this.statuses.get(metadata.name) ?? [];
    this.statuses.set(metadata.name, [...before, status]);
  }
}

/** The revision that a pod was made from. */
export function revisionOf({ metadata }: Pod): string {
  return metadata.labels?.[labels.revision] ?? '';
}

function outline({ metadata }: Pod): string {
  return metadata.deletionTimestamp ? `${metadata.name} on its way out` : metadata.name;
}
