import { reasonInWords } from '../../../src/core/failure-words.ts';
import type { FailureReason } from '../../../src/core/reasons.ts';
import type { PodEvent } from '../pod-events.ts';
import { type Row, sentences } from './row.ts';
import { endOf, hasEnded, isLeaving, isTrue, type Signals, workerOf } from './signals.ts';

/** The kubelet repeats an event every few minutes while its cause lasts: an older one may be about what is over. */
const freshMs = 600_000;

/** What the events tell of a pod that has a node but no container yet; later ones tell themselves. */
function told({ pod, event, now, ...rest }: Signals): PodEvent | undefined {
  const worker = workerOf(pod);
  const isBegun =
    worker?.state?.running !== undefined || (worker && endOf(worker) !== undefined) || isTrue(pod, 'PodReadyToStartContainers');
  if (!event || isBegun || hasEnded(pod) || isLeaving({ pod, event, now, ...rest })) return undefined;
  return now - event.at <= freshMs ? event : undefined;
}

function row(
  reason: FailureReason,
  of: readonly PodEvent['reason'][],
  words: (text: string) => boolean,
  what: string,
  signal: string,
): Row {
  return {
    reason,
    from: 'event',
    signal,
    when: (signals) => {
      const event = told(signals);
      if (!event || !of.includes(event.reason) || !words(event.message)) return undefined;
      return sentences(`${what} (${event.reason})`, event.message);
    },
  };
}

const means = (reason: FailureReason) => (text: string) => reasonInWords(text) === reason;
const always = () => true;
const sandbox = ['FailedCreatePodSandBox'] as const;

/** What only the events of a pod tell: trouble of the node before any container. */
export const eventRows: readonly Row[] = [
  row(
    'ReferenceNotFound',
    ['FailedMount'],
    (text) => /(secret|configmap) "[^"]+" not found|references non-existent (secret|config) key/i.test(text),
    'A volume cannot be filled',
    'event FailedMount, a Secret or ConfigMap',
  ),
  row(
    'VolumeUnavailable',
    ['FailedMount', 'FailedAttachVolume'],
    always,
    'A volume cannot be used',
    'event FailedMount, FailedAttachVolume',
  ),
  row(
    'DeviceMissing',
    ['FailedPrepareDynamicResources'],
    always,
    'The claimed devices cannot be prepared',
    'event FailedPrepareDynamicResources',
  ),
  row(
    'DriverIncompatible',
    sandbox,
    means('DriverIncompatible'),
    'The pod cannot be set up',
    'event FailedCreatePodSandBox, words of a driver',
  ),
  row(
    'DeviceMissing',
    sandbox,
    means('DeviceMissing'),
    'The pod cannot be set up',
    'event FailedCreatePodSandBox, a device or runtime class',
  ),
  row('SandboxFailed', sandbox, always, 'The pod cannot be set up', 'event FailedCreatePodSandBox, anything else'),
];
