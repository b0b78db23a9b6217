import type { FailureReason } from '../../../src/core/reasons.ts';
import { isLost } from './lost.ts';
import { type Row, sentences } from './row.ts';
import { conditionOf, hasEnded, isAway, isLeaving, longerThan, type Signals, sinceOf } from './signals.ts';

/** The pod has ended, for a reason that the kubelet gave it. */
function ended(reason: FailureReason, podReason: RegExp, words: RegExp, what: string, signal: string): Row {
  return {
    reason,
    from: 'pod',
    signal,
    when: ({ pod }) => {
      const { reason: told = '', message = '' } = pod.status ?? {};
      if (!hasEnded(pod) || !podReason.test(told) || !words.test(message)) return undefined;
      return sentences(`${what} (${told})`, message);
    },
  };
}

/** Somebody ends the pod for a reason that lies outside it. */
function disrupted(reason: FailureReason, by: string, what: string): Row {
  return {
    reason,
    from: 'pod',
    signal: `condition DisruptionTarget, ${by}`,
    when: ({ pod }) => {
      const target = conditionOf(pod, 'DisruptionTarget');
      if (target?.status !== 'True' || target.reason !== by) return undefined;
      return sentences(what, target.message);
    },
  };
}

const anyWords = /^/;
const storage = /ephemeral-storage|local storage|ephemeral local|EmptyDir volume|DiskPressure|inodes/i;

/** Why the pod has ended, or is being ended. */
export const endRows: readonly Row[] = [
  ended('OutOfDisk', /^Evicted$/, storage, 'The pod was evicted', 'pod reason Evicted, storage'),
  ended('HostOutOfMemory', /^Evicted$/, /memory/i, 'The pod was evicted', 'pod reason Evicted, memory'),
  ended('Evicted', /^Evicted$/, anyWords, 'The pod was evicted', 'pod reason Evicted, anything else'),
  ended('Preempted', /^Preempting$/, anyWords, 'The pod was ended for a critical one', 'pod reason Preempting'),
  ended(
    'DeviceMissing',
    /^UnexpectedAdmissionError$/,
    /device|allocate failed|[a-z]\.[a-z]+\/\w/i,
    'The kubelet refused the pod',
    'pod reason UnexpectedAdmissionError, a device',
  ),
  ended('DeviceMissing', /^OutOf.*\//, anyWords, 'The kubelet refused the pod', 'pod reason OutOfnvidia.com/gpu'),
  ended(
    'Unschedulable',
    /^(OutOf\w+|UnexpectedAdmissionError|NodeAffinity|NodeName|NodePorts|TaintToleration|TopologyAffinityError|.*NotSupported)$/,
    anyWords,
    'The kubelet refused the pod',
    'pod reason OutOfcpu, NodeAffinity, TopologyAffinityError and such',
  ),
  ended(
    'NodeLost',
    /^(NodeLost|Terminated|NodeShutdown|Shutdown)$/,
    anyWords,
    'The pod ended with its node',
    'pod reason NodeLost, Terminated',
  ),
  disrupted('Preempted', 'PreemptionByScheduler', 'A pod with a higher priority takes the place'),
  disrupted('NodeLost', 'DeletionByPodGC', 'The pod lost its node'),
  disrupted('Evicted', 'DeletionByTaintManager', 'The pod is deleted for a taint'),
  disrupted('Evicted', 'EvictionByEvictionAPI', 'Somebody drains the node: the pod is evicted'),
  disrupted('Evicted', 'TerminationByKubelet', 'The kubelet ended the pod'),
];

/** What the node of the pod tells. */
export const nodeRows: readonly Row[] = [
  {
    reason: 'NodeLost',
    from: 'node',
    signal: 'pod terminating beyond its grace, or its node gone',
    when: (signals) => {
      if (!isLost(signals)) return undefined;
      const { pod, node } = signals;
      const { nodeName } = pod.spec ?? {};
      const why = nodeName === undefined ? 'nothing has ended it' : `node ${nodeName} ${node ? 'has not ended it' : 'is gone'}`;
      return `The pod was to end by ${pod.metadata.deletionTimestamp}, but ${why}.`;
    },
  },
  {
    reason: 'NodeLost',
    from: 'node',
    signal: 'condition Ready of the node not True',
    when: (signals) => {
      if (!isAway(signals)) return undefined;
      const ready = signals.node?.status?.conditions?.find(({ type }) => type === 'Ready');
      return sentences(`Node ${signals.pod.spec?.nodeName} is not ready (${ready?.reason ?? 'no reason given'})`, ready?.message);
    },
  },
];

/** The scheduler's words, when it says that there is no node. */
function unscheduled(signals: Signals): string | undefined {
  const { pod, noProgressTimeoutMs, now } = signals;
  const condition = conditionOf(pod, 'PodScheduled');
  // A gate is somebody's intent, such as a queue's, and no want of room.
  if (condition?.status !== 'False' || condition.reason === 'SchedulingGated' || isLeaving(signals)) return undefined;
  const waitedMs = now - sinceOf(pod, 'PodScheduled');
  const long = waitedMs >= noProgressTimeoutMs ? `It has waited for ${longerThan(waitedMs, noProgressTimeoutMs)}` : undefined;
  return sentences(condition.message ?? 'The scheduler does not say why', long);
}

/** Why the pod has no node. */
export const schedulingRows: readonly Row[] = [
  {
    reason: 'VolumeUnavailable',
    from: 'pod',
    signal: 'condition PodScheduled, only volumes in the way',
    when: (signals) => {
      const words = unscheduled(signals);
      // Of several causes the volumes are named only when no node would do without them.
      return words !== undefined && /volume/i.test(words) && !/insufficient|taint/i.test(words) ? words : undefined;
    },
  },
  {
    reason: 'Unschedulable',
    from: 'pod',
    signal: 'condition PodScheduled, a device is wanting',
    when: (signals) => {
      const words = unscheduled(signals);
      if (words === undefined) return undefined;
      const [, resource] = /insufficient ([\w.-]+\/[\w.-]*\w)/i.exec(words) ?? [];
      if (resource !== undefined) return `No node has ${askedFor(signals, resource)} ${resource} free: ${words}`;
      return /cannot allocate all claims|resourceclaim/i.test(words)
        ? `No node has the devices that its claims ask for: ${words}`
        : undefined;
    },
  },
  {
    reason: 'Unschedulable',
    from: 'pod',
    signal: 'condition PodScheduled, anything else',
    when: unscheduled,
  },
];

function askedFor({ pod }: Signals, resource: string): string {
  const asked = pod.spec?.containers.flatMap(({ resources }) => resources?.limits?.[resource] ?? resources?.requests?.[resource] ?? []);
  return String(asked?.[0] ?? 1);
}
