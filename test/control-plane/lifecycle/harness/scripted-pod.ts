import type { ContainerState, ContainerStatus, PodCondition, PodStatus } from 'kubernetes-types/core/v1.js';
import { annotations } from '../../../../src/api/resources.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { type KubeClient, type Pod, pods, timestamp } from '../../../../src/kube/index.ts';
import type { Curve } from './curve.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { until } from './until.ts';

type Ended = { readonly exitCode: number; readonly reason?: string; readonly message?: string };
type RunOptions = {
  /** Changes the agent before anybody can ask it. */
  readonly prepare?: ((agent: ScriptedAgent) => void) | undefined;
};

/** One pod in the hands of the scripted scheduler and kubelet: each step writes what theirs would write. */
export class ScriptedPod {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly createdAt = systemClock.now();
  readonly signal: AbortSignal;
  node: string | undefined;
  /** Of the container that runs, or ran last. */
  agent: ScriptedAgent | undefined;
  private readonly admin: KubeClient;
  private readonly ended = new AbortController();
  private status: PodStatus;
  private restarts = 0;
  private last: ContainerState | undefined;

  constructor(admin: KubeClient, { metadata, status = {} }: Pod) {
    this.admin = admin;
    this.name = metadata.name;
    this.uid = metadata.uid ?? '';
    this.namespace = metadata.namespace ?? '';
    this.signal = this.ended.signal;
    this.status = status;
  }

  /** The scheduler finds no room, in its words. */
  async unschedulable(message: string): Promise<void> {
    await this.tell({ conditions: this.with('PodScheduled', 'False', { reason: 'Unschedulable', message }) });
  }

  /** The scheduler binds it. */
  async bind(node: string): Promise<void> {
    const target = { apiVersion: 'v1', kind: 'Node', name: node };
    const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name: this.name, namespace: this.namespace }, target };
    await this.unlessGone(this.admin.request('POST', `/api/v1/namespaces/${this.namespace}/pods/${this.name}/binding`, { body }));
    this.node = node;
    await this.tell({ conditions: this.with('PodScheduled', 'True'), containerStatuses: [this.waiting('ContainerCreating')] });
  }

  /** Volumes and network are there; the image is next. */
  async prepared(): Promise<void> {
    await this.tell({ conditions: this.with('PodReadyToStartContainers', 'True') });
  }

  /** The container cannot be started, for a reason of the kubelet's. */
  async waits(reason: string, message: string): Promise<void> {
    await this.tell({ containerStatuses: [this.waiting(reason, message)] });
  }

  /** The container runs: its agent answers, and the pod is ready as long as the agent says so. */
  async runs(curve: Curve, { prepare }: RunOptions = {}): Promise<ScriptedAgent> {
    const agent = await ScriptedAgent.start(curve);
    this.signal.addEventListener('abort', () => agent.close(), { once: true });
    prepare?.(agent);
    await this.agent?.close();
    this.agent = agent;
    const ports = JSON.stringify({ http: agent.port, management: agent.port });
    const place = { namespace: this.namespace, name: this.name };
    await this.unlessGone(this.admin.mergePatch(pods, place, { metadata: { annotations: { [annotations.ports]: ports } } }));
    await this.tell({
      phase: 'Running',
      podIP: '127.0.0.1',
      podIPs: [{ ip: '127.0.0.1' }],
      startTime: timestamp(systemClock.now()),
      conditions: this.with('Ready', 'False'),
      containerStatuses: [this.container({ running: { startedAt: timestamp(systemClock.now()) } })],
    });
    return agent;
  }

  /** Probes the agent until it, the container or the pod ends. */
  async probed(): Promise<void> {
    const { agent } = this;
    if (!agent) throw new Error(`nothing runs in ${this.name}`);
    while (!this.signal.aborted && this.agent === agent) {
      const before = this.isReady;
      await until(() => this.signal.aborted || this.agent !== agent || agent.ready !== before, 60_000);
      if (this.signal.aborted || this.agent !== agent) return;
      await this.ready(!before);
    }
  }

  async ready(yes: boolean): Promise<void> {
    const [container] = this.status.containerStatuses ?? [];
    const status = yes ? 'True' : 'False';
    await this.tell({ conditions: this.with('Ready', status), ...(container && { containerStatuses: [{ ...container, ready: yes }] }) });
  }

  /** The container ended and is started again after a while: CrashLoopBackOff until `runs` is called. */
  async crashes({ exitCode, reason = 'Error', message }: Ended): Promise<void> {
    const at = timestamp(systemClock.now());
    const terminated = { exitCode, reason, startedAt: at, finishedAt: at, ...(message !== undefined && { message }) };
    const { agent } = this;
    this.agent = undefined;
    await agent?.close();
    this.last = { terminated };
    this.restarts += 1;
    const words = `back-off 10s restarting failed container=worker pod=${this.name}_${this.namespace}(${this.uid})`;
    await this.tell({ conditions: this.with('Ready', 'False'), containerStatuses: [this.waiting('CrashLoopBackOff', words)] });
  }

  /** The pod ends for good, as an evicted one does; `disruption` says who wanted it. */
  async fails(reason: string, message: string, disruption?: string): Promise<void> {
    const at = timestamp(systemClock.now());
    const { agent } = this;
    this.agent = undefined;
    await agent?.close();
    const terminated = { exitCode: 137, reason: 'Error', startedAt: at, finishedAt: at };
    await this.tell({
      phase: 'Failed',
      reason,
      message,
      conditions: [
        ...this.with('Ready', 'False', { reason: 'PodFailed' }),
        ...(disruption === undefined
          ? []
          : [{ type: 'DisruptionTarget', status: 'True', reason: disruption, message, lastTransitionTime: at }]),
      ],
      containerStatuses: [this.container({ terminated })],
    });
  }

  /** Resolves when the pod is gone, or being deleted. */
  async outlived(): Promise<void> {
    await until(() => this.signal.aborted, 60_000);
  }

  /** The kubelet has ended the container of a pod that is being deleted, and removes the pod. */
  async removed(): Promise<void> {
    this.ended.abort();
    const ref = { namespace: this.namespace, name: this.name };
    await this.admin.delete(pods, ref, { uid: this.uid, gracePeriodSeconds: 0 }).catch(ignoreGone);
  }

  /** The pod is no longer played: what runs in it ends. */
  end(): void {
    this.ended.abort();
  }

  get isReady(): boolean {
    return this.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  }

  private async tell(change: PodStatus): Promise<void> {
    this.status = { ...this.status, ...change };
    const ref = { namespace: this.namespace, name: this.name };
    const patch = { metadata: { uid: this.uid }, status: this.status };
    await this.unlessGone(this.admin.mergePatch(pods, ref, patch, { subresource: 'status' }));
  }

  /** A play ends with its pod: what it still meant to do there is no failure. */
  private async unlessGone(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!isGone(error)) throw error;
      this.ended.abort();
    }
    this.signal.throwIfAborted();
  }

  private with(type: string, status: 'True' | 'False', told: Partial<PodCondition> = {}): PodCondition[] {
    const others = (this.status.conditions ?? []).filter((condition) => condition.type !== type);
    return [...others, { type, status, lastTransitionTime: timestamp(systemClock.now()), ...told }];
  }

  private waiting(reason: string, message?: string): ContainerStatus {
    return this.container({ waiting: { reason, ...(message !== undefined && { message }) } });
  }

  private container(state: ContainerState): ContainerStatus {
    const lastState = this.last ? { lastState: this.last } : {};
    return { name: 'worker', image: 'worker', imageID: '', ready: false, restartCount: this.restarts, state, ...lastState };
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 404 || error.code === 409);
}

function ignoreGone(error: unknown): void {
  if (!isGone(error)) throw error;
}
