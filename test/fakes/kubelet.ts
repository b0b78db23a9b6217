import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import {
  Controller,
  done,
  forType,
  type InformerCache,
  isAlreadyExists,
  isNotFound,
  type KubeClient,
  nodes,
  type Pod,
  pods,
  type Result,
  requeueAfter,
  type Store,
  timestamp,
} from '../../src/kube/index.ts';
import type { FakeAgents } from './agents.ts';

export type FakeKubeletOptions = {
  readonly client: KubeClient;
  readonly cache: InformerCache;
  readonly agents: FakeAgents;
  /** Names of the nodes that pods are spread over. */
  readonly nodes: readonly string[];
  /** A real API server lets a pod be bound through its subresource alone, the embedded one by a patch alone. */
  readonly bind: 'subresource' | 'patch';
  /** Pods bound a second; no limit unless told. */
  readonly bindsPerSecond?: number | undefined;
  /** From the creation of a pod until it runs: images are pulled meanwhile. At once unless told. */
  readonly startMs?: number | undefined;
  /** From running to ready. */
  readonly loadMs: number;
  readonly logger: Logger;
  readonly clock?: Clock;
};

/** Scheduler and kubelets of pretended nodes: a pod is bound, runs without a process, loads for a while, is ready, and goes when it shall. */
export class FakeKubelet {
  readonly controller: Controller;
  private readonly options: FakeKubeletOptions;
  private readonly clock: Clock;
  private readonly store: Store<Pod>;
  private readonly addresses = new Map<string, string>();
  private placed = 0;
  /** When each pod that waits for it is bound. */
  private readonly turns = new Map<string, number>();
  private lastTurn = 0;

  constructor(options: FakeKubeletOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const informer = options.cache.informer(pods);
    this.store = informer.store;
    informer.addHandler({ delete: (pod) => this.forget(pod.metadata.uid ?? '') });
    this.controller = new Controller({
      name: 'fake-kubelet',
      sources: [forType(informer)],
      concurrency: 8,
      logger: options.logger,
      clock: this.clock,
      reconcile: async (key) => {
        const pod = this.store.get(key);
        return pod ? this.goOn(pod) : done();
      },
    });
  }

  /** Registers the nodes; those that exist stay. */
  async register(): Promise<void> {
    const { client } = this.options;
    const now = timestamp(this.clock.now());
    const condition = { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now };
    for (const name of this.options.nodes) {
      const labels = { 'kubernetes.io/hostname': name, 'node.kubernetes.io/instance-type': 'fake' };
      try {
        await client.create(nodes, { metadata: { name, labels }, spec: {} });
        await client.mergePatch(nodes, { name }, { status: { conditions: [condition] } }, { subresource: 'status' });
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
    }
  }

  private async goOn(pod: Pod): Promise<Result> {
    try {
      return await this.step(pod);
    } catch (error) {
      if (isNotFound(error)) return done(); // deleted meanwhile
      throw error;
    }
  }

  private async step(pod: Pod): Promise<Result> {
    const { client, startMs = 0, loadMs, agents } = this.options;
    const { name, namespace, uid = '', deletionTimestamp } = pod.metadata;
    const phase = pod.status?.phase;
    if (deletionTimestamp !== undefined) {
      await client.delete(pods, { name, namespace }, { uid, gracePeriodSeconds: 0 });
      return done();
    }
    if (!pod.spec?.nodeName) {
      const waitMs = this.turnOf(uid) - this.clock.now();
      if (waitMs > 0) return requeueAfter(waitMs);
      await this.bind(pod);
      return done();
    }
    if (phase === 'Failed' || phase === 'Succeeded') return done();
    if (phase !== 'Running') {
      const pullsMs = Date.parse(pod.metadata.creationTimestamp ?? '') + startMs - this.clock.now();
      if (pullsMs > 0) return requeueAfter(pullsMs);
      await this.writeStatus(pod, false);
      return done();
    }
    if (pod.status?.containerStatuses?.[0]?.ready) return done();
    const startedAt = Date.parse(pod.status?.startTime ?? '');
    const leftMs = startedAt + loadMs - this.clock.now();
    if (leftMs > 0) return requeueAfter(leftMs);
    agents.set(this.addressOf(uid), 'Ready');
    await this.writeStatus(pod, true);
    return done();
  }

  private turnOf(uid: string): number {
    const { bindsPerSecond } = this.options;
    if (bindsPerSecond === undefined) return 0;
    const turn = this.turns.get(uid) ?? Math.max(this.clock.now(), this.lastTurn + 1_000 / bindsPerSecond);
    this.lastTurn = Math.max(turn, this.lastTurn);
    this.turns.set(uid, turn);
    return turn;
  }

  private async bind(pod: Pod): Promise<void> {
    const { client, bind, nodes: names, agents } = this.options;
    const { name, namespace = '', uid = '' } = pod.metadata;
    const nodeName = names[this.placed++ % names.length] ?? '';
    // The port is told as local mode tells it, so that the agents need no fixed one.
    const annotations = { 'modelfleet.dev/ports': JSON.stringify({ http: agents.port, management: agents.port }) };
    if (bind === 'patch') {
      await client.mergePatch(pods, { name, namespace }, { metadata: { uid, annotations }, spec: { nodeName } });
      return;
    }
    await client.request('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, {
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, uid, annotations },
        target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
      },
    });
  }

  private async writeStatus(pod: Pod, ready: boolean): Promise<void> {
    const { client, agents } = this.options;
    const { name, namespace, uid = '' } = pod.metadata;
    const podIP = this.addressOf(uid);
    if (!ready) agents.set(podIP, 'LoadingWeights');
    const now = timestamp(this.clock.now());
    const startTime = pod.status?.startTime ?? now;
    const condition = (type: string, status: boolean) => ({ type, status: status ? 'True' : 'False', lastTransitionTime: now });
    const status = {
      phase: 'Running',
      podIP,
      podIPs: [{ ip: podIP }],
      startTime,
      conditions: [
        condition('PodScheduled', true),
        condition('Initialized', true),
        condition('ContainersReady', ready),
        condition('Ready', ready),
      ],
      containerStatuses: [
        {
          name: 'worker',
          image: 'fake',
          imageID: 'fake',
          ready,
          started: true,
          restartCount: 0,
          state: { running: { startedAt: startTime } },
        },
      ],
    };
    await client.mergePatch(pods, { name, namespace }, { metadata: { uid }, status }, { subresource: 'status' });
  }

  private addressOf(uid: string): string {
    const known = this.addresses.get(uid) ?? this.options.agents.newAddress();
    this.addresses.set(uid, known);
    return known;
  }

  private forget(uid: string): void {
    this.options.agents.remove(this.addresses.get(uid) ?? '');
    this.addresses.delete(uid);
    this.turns.delete(uid);
  }
}
