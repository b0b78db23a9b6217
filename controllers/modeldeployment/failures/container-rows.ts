import type { ContainerStatus } from 'kubernetes-types/core/v1.js';
import { reasonInWords } from '../../../src/core/failure-words.ts';
import type { FailureReason } from '../../../src/core/reasons.ts';
import { logWords } from './log-words.ts';
import { type Row, sentences } from './row.ts';
import { containersOf, endOf, isCleanEnd, type Signals, type Terminated, titleOf } from './signals.ts';

type Waiting = { readonly container: ContainerStatus; readonly reason: string; readonly words: string };

/** Whether the kubelet is not done with starting a container. */
export function isWaiting({ pod }: Signals): boolean {
  return containersOf(pod).some(({ state }) => state?.waiting !== undefined);
}

/** A row about the first container that the kubelet has this trouble with. */
function held(reason: FailureReason, signal: string, matches: (waiting: Waiting) => boolean, what: string): Row {
  return {
    reason,
    from: 'container',
    signal,
    when: ({ pod }) => {
      for (const container of containersOf(pod)) {
        const { waiting } = container.state ?? {};
        const seen = { container, reason: waiting?.reason ?? '', words: waiting?.message ?? '' };
        if (waiting && matches(seen)) return sentences(`${titleOf(pod, container)} ${what} (${seen.reason})`, seen.words);
      }
      return undefined;
    },
  };
}

const pull = /^(ErrImage|ImagePull|ImageInspect|RegistryUnavailable|SignatureValidation)/;
const start =
  /^(CreateContainerError|RunContainerError|PostStartHookError|StartError|ContainerCannotRun|PreCreateHookError|PreStartHookError)$/;
const credentials = /\b40[13]\b|unauthorized|authorization failed|authentication required|forbidden|denied|no basic auth/i;
const absent = /\b404\b|not found|manifest unknown|no such (image|manifest)|does not exist|no match for platform/i;
const reference = /(secret|configmap) "[^"]+" not found|couldn't find key/i;

const starts = (reason: FailureReason) => (waiting: Waiting) => start.test(waiting.reason) && reasonInWords(waiting.words) === reason;

/** What keeps the kubelet from starting a container. */
export const startRows: readonly Row[] = [
  held('ImagePullFailed', 'waiting InvalidImageName', ({ reason }) => reason === 'InvalidImageName', 'names no image'),
  held(
    'ImagePullFailed',
    'waiting ErrImagePull, ImagePullBackOff, 401 or 403',
    ({ reason, words }) => pull.test(reason) && credentials.test(words),
    'has an image that the registry does not give to these credentials',
  ),
  held(
    'ImagePullFailed',
    'waiting ErrImagePull, ImagePullBackOff, 404',
    ({ reason, words }) => pull.test(reason) && absent.test(words),
    'has an image that the registry does not have',
  ),
  held(
    'ImagePullFailed',
    'waiting ErrImagePull, ImagePullBackOff and such',
    ({ reason }) => pull.test(reason),
    'has an image that cannot be pulled',
  ),
  held(
    'ReferenceNotFound',
    'waiting CreateContainerConfigError, a Secret or ConfigMap',
    ({ reason, words }) => reason === 'CreateContainerConfigError' && reference.test(words),
    'cannot be configured',
  ),
  held(
    'ContainerCannotStart',
    'waiting CreateContainerConfigError, anything else',
    ({ reason }) => reason === 'CreateContainerConfigError',
    'cannot be configured',
  ),
  held('DriverIncompatible', 'waiting RunContainerError and such, words of a driver', starts('DriverIncompatible'), 'cannot be started'),
  held('DeviceMissing', 'waiting RunContainerError and such, words of a device or CDI', starts('DeviceMissing'), 'cannot be started'),
  held(
    'ContainerCannotStart',
    'waiting RunContainerError, CreateContainerError and such',
    ({ reason }) => start.test(reason),
    'cannot be started',
  ),
];

type End = { readonly container: ContainerStatus; readonly end: Terminated; readonly words: string };

/** The first container that ended and does not run again, unless it had to: in a pod that is being deleted all have to. */
function failedEnd({ pod }: Signals): End | undefined {
  if (pod.metadata.deletionTimestamp !== undefined) return undefined;
  for (const container of containersOf(pod)) {
    const end = endOf(container);
    const isInit = pod.status?.initContainerStatuses?.includes(container) === true;
    const isDone = isInit ? end?.exitCode === 0 : end && isCleanEnd(container, end);
    if (end && !isDone) return { container, end, words: logWords(end.message?.trim() ?? '') };
  }
  return undefined;
}

/** Whether a container has ended, does not run again, and should not have. */
export function hasFailedEnd(signals: Signals): boolean {
  return failedEnd(signals) !== undefined;
}

/** `The worker ended with exit code 1 on node n1.`; undefined while all containers run, or wait for their first start. */
export function howItEnded(signals: Signals): string | undefined {
  const ended = failedEnd(signals);
  if (!ended) return undefined;
  const { container, end } = ended;
  const name = signalName(end);
  const how = name === undefined ? `exit code ${end.exitCode}` : `${name} (exit code ${end.exitCode})`;
  return `${titleOf(signals.pod, container)} ended with ${how}.`;
}

function exited(reason: FailureReason, signal: string, matches: (end: End) => boolean): Row {
  return {
    reason,
    from: 'container',
    signal,
    when: (signals) => {
      const ended = failedEnd(signals);
      return ended && matches(ended) ? sentences(howItEnded(signals), ended.words) : undefined;
    },
  };
}

const isStart = ({ end }: End) => end.reason === 'StartError' || end.reason === 'ContainerCannotRun';
const startsNot = (reason: FailureReason) => (ended: End) => isStart(ended) && reasonInWords(ended.words) === reason;

/** Ends whose cause the kubelet knows, which weighs more than what an agent said before. */
export const killRows: readonly Row[] = [
  exited('HostOutOfMemory', 'terminated OOMKilled', ({ end }) => end.reason === 'OOMKilled'),
  exited('DriverIncompatible', 'terminated StartError, words of a driver', startsNot('DriverIncompatible')),
  exited('DeviceMissing', 'terminated StartError, words of a device or CDI', startsNot('DeviceMissing')),
  exited('ContainerCannotStart', 'terminated StartError', isStart),
];

const wordy = [
  ...(['OutOfDisk', 'KVCacheTooSmall', 'DeviceOutOfMemory', 'HostOutOfMemory', 'DriverIncompatible', 'DeviceMissing'] as const),
  'UnsupportedModel',
] as const satisfies readonly FailureReason[];

const names: Readonly<Record<number, string>> = {
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
};

function signalName({ exitCode, signal = exitCode - 128 }: Terminated): string | undefined {
  return names[signal];
}

const killed: ReadonlySet<string | undefined> = new Set(['SIGKILL', 'SIGTERM']);

/** Ends of which only the last words and the exit code tell. */
export const exitRows: readonly Row[] = [
  ...wordy.map((reason) => exited(reason, `terminated, last words of ${reason}`, ({ words }) => reasonInWords(words) === reason)),
  exited('ContainerCannotStart', 'terminated, exit code 126 or 127', ({ end }) => end.exitCode === 126 || end.exitCode === 127),
  exited('ContainerKilled', 'terminated, exit code 137 or 143 but not OOMKilled', ({ end }) => killed.has(signalName(end))),
  exited('EngineCrashed', 'terminated by SIGSEGV, SIGABRT and such (139, 134)', ({ end }) => signalName(end) !== undefined),
  exited('EngineCrashed', 'terminated, any exit code', () => true),
];
