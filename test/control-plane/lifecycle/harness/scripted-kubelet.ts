import { systemClock } from '../../../../src/core/clock.ts';
import { type Informer, type KubeClient, type Node, nodes, type Pod, timestamp } from '../../../../src/kube/index.ts';
import { type Curve, load } from './curve.ts';
import type { ScriptedAgent } from './scripted-agent.ts';
import { ScriptedPod } from './scripted-pod.ts';
import { until } from './until.ts';

/** What happens to a pod from its creation on. */
export type Play = (pod: ScriptedPod, kubelet: ScriptedKubelet) => Promise<void>;

/** Binds, starts and loads, and keeps the pod ready as long as its agent is. */
export function loads(curve: Curve = load(1_200), prepare?: (agent: ScriptedAgent) => void): Play {
  return async (pod, kubelet) => {
    await pod.bind(kubelet.node);
    await pod.prepared();
    await pod.runs(curve, { prepare });
    await pod.probed();
  };
}

/** Scheduler and kubelets of one namespace: each new pod gets the next play, or the usual one when none is left. */
export class ScriptedKubelet {
  /** Every pod that was ever there, oldest first. */
  readonly pods: ScriptedPod[] = [];
  /** What plays failed with. */
  readonly failures: unknown[] = [];
  /** Node that `loads` binds to. */
  node: string;
  /** Plays pods for which there is no other. */
  usual: Play = loads();
  /** What is still to be played, in order. */
  readonly next: Play[] = [];
  /** Whether a container ends when its pod is deleted; else it takes all of its grace. */
  ends: (pod: ScriptedPod) => boolean = (pod) => (pod.agent?.inFlight ?? 0) + (pod.agent?.waiting ?? 0) === 0;
  private readonly admin: KubeClient;
  private ended = false;
  private readonly silent = new Set<string>();
  private readonly terminating = new Set<string>();
  private readonly running = new Set<Promise<void>>();

  constructor(admin: KubeClient, informer: Informer<Pod>, node: string) {
    this.admin = admin;
    this.node = node;
    informer.addHandler({
      add: (pod) => this.look(pod),
      update: (pod) => this.look(pod),
      delete: ({ metadata }) => this.find(metadata.uid)?.end(),
    });
  }

  /** A pod that is there, by its place in `pods`; waits for it. */
  async pod(index: number): Promise<ScriptedPod> {
    await until(() => this.pods.length > index);
    const pod = this.pods.at(index);
    if (!pod) throw new Error(`there is no pod ${index}`);
    return pod;
  }

  /** The agent of a pod, by the pod's place in `pods`; waits for it. */
  async agent(index: number): Promise<ScriptedAgent> {
    const pod = await this.pod(index);
    await until(() => pod.agent !== undefined);
    if (!pod.agent) throw new Error(`${pod.name} has no agent`);
    return pod.agent;
  }

  /** Waits within a play until this is so. */
  async when(happened: () => boolean): Promise<void> {
    await until(() => this.ended || happened(), 60_000);
  }

  /** A machine of a kind joins. */
  async join(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    const now = timestamp(systemClock.now());
    const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now };
    const node = { metadata: { name, labels }, status: { conditions: [ready] } };
    await this.admin.create(nodes, node as Pick<Node, 'metadata' | 'status'>);
  }

  /** The machine goes dark, and the cluster notices. */
  async lose(name: string): Promise<void> {
    this.silent.add(name);
    const now = timestamp(systemClock.now());
    const unknown = { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
    const conditions = [{ ...unknown, lastHeartbeatTime: now, lastTransitionTime: now }];
    await this.admin.mergePatch(nodes, { name }, { status: { conditions } }, { subresource: 'status' });
    const taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: now };
    await this.admin.mergePatch(nodes, { name }, { spec: { taints: [taint] } });
    for (const pod of this.pods.filter(({ node }) => node === name)) {
      await pod.agent?.close();
      await pod.ready(false);
    }
  }

  /** Ends all that is played. Throws the first failure of a play. */
  async close(): Promise<void> {
    this.ended = true;
    for (const pod of this.pods) pod.end();
    await Promise.all(this.running);
    if (this.failures.length > 0) throw this.failures[0];
  }

  private find(uid: string | undefined): ScriptedPod | undefined {
    return this.pods.find((pod) => pod.uid === uid);
  }

  private look(object: Pod): void {
    const known = this.find(object.metadata.uid);
    if (!known && !object.metadata.deletionTimestamp) {
      const pod = new ScriptedPod(this.admin, object);
      this.pods.push(pod);
      this.follow(pod, (this.next.shift() ?? this.usual)(pod, this));
    }
    if (known && object.metadata.deletionTimestamp && !this.terminating.has(known.uid)) {
      this.terminating.add(known.uid);
      this.follow(known, this.terminate(known, object.metadata.deletionGracePeriodSeconds ?? 0));
    }
  }

  /** SIGTERM: the agent refuses and finishes, the pod goes when it has ended or its grace is over. Nothing happens on a machine that is dark. */
  private async terminate(pod: ScriptedPod, graceSeconds: number): Promise<void> {
    if (pod.node === undefined || this.silent.has(pod.node)) return;
    if (pod.agent) pod.agent.draining = true;
    const deadline = systemClock.now() + graceSeconds * 1_000;
    await until(() => pod.signal.aborted || this.ends(pod) || systemClock.now() > deadline, 60_000);
    await pod.removed();
  }

  private follow(pod: ScriptedPod, play: Promise<void>): void {
    const run = play
      .catch((error: unknown) => {
        if (!pod.signal.aborted) this.failures.push(error);
      })
      .finally(() => this.running.delete(run));
    this.running.add(run);
  }
}
