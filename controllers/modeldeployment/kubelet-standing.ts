import type { ContainerState, ContainerStateWaiting } from 'kubernetes-types/core/v1.js';
import { formatDuration } from '../../src/core/durations.ts';
import type { Pod } from '../../src/kube/index.ts';
import { explained } from './explain.ts';
import { at, type Standing } from './standing.ts';

/** What an agent said before it ended. */
type LastFailure = { readonly reason: string; readonly message: string } | undefined;
type Terminated = NonNullable<ContainerState['terminated']>;

/**
 * What the scheduler and the kubelet show of a pod before its agent answers, and after it died: their words, under our reasons.
 * Pure; instants in milliseconds.
 */
export function kubeletStanding(pod: Pod, lastFailure: LastFailure, noProgressTimeoutMs: number, now: number): Standing {
  const container = pod.status?.containerStatuses?.[0];
  const waiting = container?.state?.waiting;
  const terminated = container?.state?.terminated ?? container?.lastState?.terminated;
  const pull = waiting && pullFailure(waiting);
  if (pull) return pull;
  if (terminated && waiting?.reason !== 'CrashLoopBackOff' && isClean(terminated)) return at('Scheduled');
  if (terminated && (waiting || container?.state?.terminated)) return ended(terminated, lastFailure);
  const blocked = waiting && startFailure(waiting);
  if (blocked) return blocked;
  if (container?.state?.running) return at('Fetching');
  return pod.spec?.nodeName ? onNode(pod, noProgressTimeoutMs, now) : unscheduled(pod);
}

function pullFailure({ reason = '', message = reason }: ContainerStateWaiting): Standing | undefined {
  if (!/^(ErrImage|ImagePull|InvalidImageName|ImageInspect|RegistryUnavailable|SignatureValidation)/.test(reason)) return undefined;
  return { ...at('PullingImage'), ...explained('ImagePullFailed', message) };
}

/** The kubelet has all that it needs but cannot start the container, such as when a Secret is missing. */
function startFailure({ reason, message = '' }: ContainerStateWaiting): Standing | undefined {
  if (!reason || ['ContainerCreating', 'PodInitializing'].includes(reason)) return undefined;
  const missing = reason === 'CreateContainerConfigError' && /not found|couldn't find key/.test(message);
  return { ...at('Scheduled'), ...explained(missing ? 'ReferenceNotFound' : reason, message) };
}

function ended(terminated: Terminated, lastFailure: LastFailure): Standing {
  const reason = terminated.reason === 'OOMKilled' ? 'HostOutOfMemory' : (lastFailure?.reason ?? 'EngineCrashed');
  const words = lastFailure?.message ?? terminated.message?.trim();
  const message = `The worker ended with ${terminated.signal ? `signal ${terminated.signal}` : `exit code ${terminated.exitCode}`}.`;
  return { phase: 'Failed', percent: 0, ...explained(reason, words ? `${message} ${words}` : message) };
}

/** It drained when it was told to end, or went with its node: it is started again, and nothing failed. */
function isClean({ exitCode, reason }: Terminated): boolean {
  return exitCode === 0 || reason === 'ContainerStatusUnknown';
}

/** First the node sets up volumes and network, then it pulls the image: the kubelet says no more, and its trouble with volumes only in events. */
function onNode(pod: Pod, noProgressTimeoutMs: number, now: number): Standing {
  if (isTrue(pod, 'PodReadyToStartContainers')) return at('PullingImage');
  const scheduledAt = Date.parse(conditionOf(pod, 'PodScheduled')?.lastTransitionTime ?? '');
  const silentMs = now - scheduledAt;
  if (!(silentMs >= noProgressTimeoutMs)) return at('Scheduled'); // NaN where it is not told
  const message =
    `Node ${pod.spec?.nodeName} has not set up the volumes and the network of the pod for ${formatDuration(silentMs)}: ` +
    `the events of the pod say why (kubectl describe pod ${pod.metadata.name} -n ${pod.metadata.namespace}).`;
  return { ...at('Scheduled'), phase: 'Stalled', reason: 'NoProgress', message };
}

function unscheduled(pod: Pod): Standing {
  const condition = conditionOf(pod, 'PodScheduled');
  if (condition?.status !== 'False') return at('Pending');
  const { message = '' } = condition;
  // Of several causes the volumes are named only when no node would do without them.
  const volume = /volume/i.test(message) && !/insufficient|taint/i.test(message);
  return { ...at('Pending'), ...explained(volume ? 'VolumeUnavailable' : 'Unschedulable', message) };
}

function isTrue(pod: Pod, type: string): boolean {
  return conditionOf(pod, type)?.status === 'True';
}

function conditionOf(pod: Pod, type: string) {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}
