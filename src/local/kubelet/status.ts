import type { Container, ContainerState, ContainerStatus, Pod, PodCondition, PodStatus } from 'kubernetes-types/core/v1.d.ts';
import { timestamp } from '../../kube/index.ts';
import {
  type ContainerRecord,
  type ContainerRecords,
  fresh,
  initContainers,
  isInitialized,
  isSidecar,
  lastEnd,
  type Terminated,
} from './container-record.ts';
import { isOver, startAt } from './decide.ts';
import { qosClass } from './qos.ts';
import { type RestartBackoff, restartDelayMs } from './restarts.ts';

export const podIP = '127.0.0.1';

export type StatusInput = {
  readonly pod: Pod;
  readonly containers: ContainerRecords;
  /** No container starts any more, and none counts as ready. */
  readonly terminating: boolean;
  /** The pod itself is being deleted: when all has ended, its phase is for good. */
  readonly deleted: boolean;
  readonly now: number;
  readonly backoff: RestartBackoff;
  /** What we wrote last: transition times move only when a status does. */
  readonly previous: PodStatus;
};

/** The status that a kubelet would write for this pod. Pure. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod, previous, now } = input;
  const spec = pod.spec ?? { containers: [] };
  const of = (container: Container) => containerStatus(container, input);
  const phase = podPhase(input);
  const initStatuses = initContainers(spec).map(of);
  const own = podConditions(input, phase);
  const foreign = (pod.status?.conditions ?? []).filter((condition) => !own.some(({ type }) => type === condition.type));
  return {
    phase,
    conditions: [...own.map((condition) => withTransition(condition, previous.conditions, now)), ...foreign],
    hostIP: podIP,
    hostIPs: [{ ip: podIP }],
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: previous.startTime ?? timestamp(now),
    ...(initStatuses.length > 0 && { initContainerStatuses: initStatuses }),
    containerStatuses: spec.containers.map(of),
    qosClass: previous.qosClass ?? qosClass(spec),
  } as PodStatus;
}

/** kubelet, getPhase: Failed and Succeeded are for good. */
function podPhase({ pod, containers, previous, deleted }: StatusInput): 'Pending' | 'Running' | 'Succeeded' | 'Failed' {
  const spec = pod.spec ?? { containers: [] };
  if (previous.phase === 'Failed' || previous.phase === 'Succeeded') return previous.phase;
  const records = spec.containers.map((container) => containers.get(container.name) ?? fresh());
  const begun = records.some((record) => record.state.kind === 'running' || lastEnd(record));
  if (!begun) {
    const stuck = initContainers(spec).find((container) => !isInitialized(container, containers.get(container.name)));
    return stuck && isOver(stuck, containers.get(stuck.name), spec) ? 'Failed' : 'Pending';
  }
  if (records.some((record) => record.state.kind === 'waiting' && !lastEnd(record))) return 'Pending';
  if (records.some((record) => record.state.kind === 'running')) return 'Running';
  const allOver = spec.containers.every((container) => isOver(container, containers.get(container.name), spec));
  if (!allOver && !deleted) return 'Running';
  return records.every((record) => lastEnd(record)?.exitCode === 0) ? 'Succeeded' : 'Failed';
}

function containerStatus(container: Container, input: StatusInput): ContainerStatus {
  const record = input.containers.get(container.name) ?? fresh();
  const { state, lastState } = containerStates(container, record, input);
  const running = record.state.kind === 'running' ? record.state : undefined;
  const id = running?.id ?? lastEnd(record)?.id;
  const isInit = initContainers(input.pod.spec ?? { containers: [] }).includes(container);
  const ranWell = isInit && !isSidecar(container) && record.state.kind === 'terminated' && record.state.exitCode === 0;
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: container.image ? `process://${container.image}` : '',
    ...(id !== undefined && { containerID: id }),
    state,
    lastState: lastState ?? {},
    ready: ranWell || (running?.ready === true && !input.terminating),
    started: running?.started ?? false,
    restartCount: record.restartCount,
  };
}

function containerStates(
  container: Container,
  record: ContainerRecord,
  input: StatusInput,
): { state: ContainerState; lastState?: ContainerState } {
  const { state } = record;
  const lastState = record.last && { terminated: terminated(record.last) };
  if (state.kind === 'running') return { state: { running: { startedAt: timestamp(state.startedAt) } }, ...(lastState && { lastState }) };
  if (state.kind === 'waiting') {
    const waiting = { reason: state.reason, ...(state.message !== undefined && { message: state.message }) };
    return { state: { waiting }, ...(lastState && { lastState }) };
  }
  const spec = input.pod.spec ?? { containers: [] };
  const backingOff = !input.terminating && !isOver(container, record, spec) && startAt(record, input.backoff) > input.now;
  if (!backingOff) return { state: { terminated: terminated(state) }, ...(lastState && { lastState }) };
  const waiting = { reason: 'CrashLoopBackOff', message: backoffMessage(container.name, record, input) };
  return { state: { waiting }, lastState: { terminated: terminated(state) } };
}

/** The message that a kubelet gives while it holds a container back. */
export function backoffMessage(name: string, record: ContainerRecord, { pod, backoff }: Pick<StatusInput, 'pod' | 'backoff'>): string {
  const { metadata } = pod;
  const delay = `${restartDelayMs(record.endsInARow, backoff) / 1000}s`;
  return `back-off ${delay} restarting failed container=${name} pod=${metadata?.name}_${metadata?.namespace}(${metadata?.uid})`;
}

function terminated(end: Terminated): NonNullable<ContainerState['terminated']> {
  return {
    exitCode: end.exitCode,
    ...(end.signal !== undefined && { signal: end.signal }),
    reason: end.reason,
    ...(end.message !== undefined && { message: end.message }),
    ...(end.startedAt !== undefined && { startedAt: timestamp(end.startedAt) }),
    finishedAt: timestamp(end.finishedAt),
    ...(end.id !== undefined && { containerID: end.id }),
  };
}

type Judged = { readonly type: string; readonly status: 'True' | 'False'; readonly reason?: string; readonly message?: string };

function podConditions(input: StatusInput, phase: string): Judged[] {
  const { pod, containers } = input;
  const spec = pod.spec ?? { containers: [] };
  const record = (container: Container) => containers.get(container.name);
  const begun = spec.containers.some((container) => record(container)?.state.kind === 'running' || lastEnd(record(container) ?? fresh()));
  const incomplete = begun ? [] : initContainers(spec).filter((container) => !isInitialized(container, record(container)));
  const unready = [...initContainers(spec).filter(isSidecar), ...spec.containers].filter((container) => {
    const state = record(container)?.state;
    return state?.kind !== 'running' || !state.ready || input.terminating;
  });
  const ended = phase === 'Succeeded' ? { reason: 'PodCompleted' } : phase === 'Failed' ? { reason: 'PodFailed' } : undefined;

  const initialized: Judged =
    incomplete.length === 0
      ? { type: 'Initialized', status: 'True', ...(phase === 'Succeeded' && { reason: 'PodCompleted' }) }
      : {
          type: 'Initialized',
          status: 'False',
          reason: 'ContainersNotInitialized',
          message: `containers with incomplete status: ${names(incomplete)}`,
        };
  const notReady = ended ?? { reason: 'ContainersNotReady', message: `containers with unready status: ${names(unready)}` };
  const containersReady: Judged =
    unready.length === 0 && !ended
      ? { type: 'ContainersReady', status: 'True' }
      : { type: 'ContainersReady', status: 'False', ...notReady };
  return [
    { type: 'PodReadyToStartContainers', status: ended ? 'False' : 'True' },
    initialized,
    readyCondition(containersReady, pod),
    containersReady,
    { type: 'PodScheduled', status: 'True' },
  ];
}

function readyCondition(containersReady: Judged, pod: Pod): Judged {
  if (containersReady.status === 'False') return { ...containersReady, type: 'Ready' };
  const unmet = (pod.spec?.readinessGates ?? []).filter(
    ({ conditionType }) => pod.status?.conditions?.find(({ type }) => type === conditionType)?.status !== 'True',
  );
  if (unmet.length === 0) return { type: 'Ready', status: 'True' };
  const message = unmet.map(({ conditionType }) => `the status of pod readiness gate "${conditionType}" is not "True"`).join(', ');
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message };
}

function withTransition(condition: Judged, previous: readonly PodCondition[] | undefined, now: number): PodCondition {
  const before = previous?.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : undefined;
  return { ...condition, lastTransitionTime: lastTransitionTime ?? timestamp(now) };
}

function names(containers: readonly Container[]): string {
  return `[${containers.map(({ name }) => name).join(' ')}]`;
}
