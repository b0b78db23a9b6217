import type { ContainerState, ContainerStatus } from 'kubernetes-types/core/v1.js';
import { isReplicaDraining, isReplicaReady } from '../../../src/api/replica.ts';
import type { AgentStatus } from '../../../src/core/agent-contract.ts';
import { formatDuration } from '../../../src/core/durations.ts';
import type { Node, Pod } from '../../../src/kube/index.ts';
import type { PodEvent } from '../pod-events.ts';
import type { Probe } from '../probe.ts';

/** All that tells how a replica is. Instants in milliseconds since the epoch. */
export type Signals = {
  readonly pod: Pod;
  /** What the prober knows of its agent. */
  readonly probe: Probe | undefined;
  /** Its node; undefined when the pod has none, or when that is gone. */
  readonly node: Node | undefined;
  /** The newest trouble that only an event of the pod tells. */
  readonly event: PodEvent | undefined;
  readonly noProgressTimeoutMs: number;
  /** A gateway says that its engine hangs: what the deployment wants then. */
  readonly onWedge?: 'restart' | 'leave';
  readonly now: number;
};

export type Terminated = NonNullable<ContainerState['terminated']>;

/** Name of the container of which a replica lives; others may stand beside it. */
const workerName = 'worker';

/** The status of the container that is the worker. */
export function workerOf({ status }: Pod): ContainerStatus | undefined {
  const all = status?.containerStatuses;
  return all?.find(({ name }) => name === workerName) ?? all?.[0];
}

/** The containers of a pod in the order in which they start. */
export function containersOf({ status }: Pod): readonly ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

/** What the agent says, as long as its container runs. */
export function agentOf({ pod, probe }: Signals): AgentStatus | undefined {
  return workerOf(pod)?.state?.running ? probe?.status : undefined;
}

/** How a container came to its last end, while it does not run again; undefined when it runs, or has never run. */
export function endOf({ state, lastState }: ContainerStatus): Terminated | undefined {
  return state?.terminated ?? (state?.waiting ? lastState?.terminated : undefined);
}

/** It drained when it was told to end, or went with its node: it is started again, and nothing failed. */
export function isCleanEnd({ state }: ContainerStatus, { exitCode, reason }: Terminated): boolean {
  return state?.waiting?.reason !== 'CrashLoopBackOff' && (exitCode === 0 || reason === 'ContainerStatusUnknown');
}

/** How the people who read a message know a container. */
export function titleOf(pod: Pod, { name }: ContainerStatus): string {
  if (workerOf(pod)?.name === name) return 'The worker';
  const isInit = pod.status?.initContainerStatuses?.some((container) => container.name === name) === true;
  return `${isInit ? 'Init container' : 'Container'} "${name}"`;
}

/** Whether the pod has ended for good. */
export function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded';
}

export function conditionOf(pod: Pod, type: string) {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

export function isTrue(pod: Pod, type: string): boolean {
  return conditionOf(pod, type)?.status === 'True';
}

/** Since when the condition is as it is; NaN where that is not told. */
export function sinceOf(pod: Pod, type: string): number {
  return Date.parse(conditionOf(pod, type)?.lastTransitionTime ?? '');
}

/** Since when the node is not ready; undefined while it is, or when nothing is known of it. */
export function nodeAwaySince({ node }: Pick<Signals, 'node'>): number | undefined {
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready && ready.status !== 'True' ? Date.parse(ready.lastTransitionTime ?? '') || 0 : undefined;
}

/** Whether the replica went silent with its node. One that is ready by the word of the cluster still serves. */
export function isAway(signals: Signals): boolean {
  return nodeAwaySince(signals) !== undefined && !isReplicaReady(signals.pod);
}

/** Whether a gateway hears nothing of a replica that is ready by all other signs. */
export function isWedged({ pod, onWedge }: Signals): boolean {
  return onWedge !== undefined && isReplicaReady(pod);
}

export function isLeaving({ pod }: Signals): boolean {
  return isReplicaDraining(pod);
}

/** `more than 10m`: in steps that double, so that a status with it is not written every second. */
export function longerThan(elapsedMs: number, timeoutMs: number): string {
  const steps = Math.max(0, Math.floor(Math.log2(elapsedMs / timeoutMs)));
  return `more than ${formatDuration(timeoutMs * 2 ** steps)}`;
}
