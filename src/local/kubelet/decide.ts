import type { Container, PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { type ContainerRecord, type ContainerRecords, initContainers, isInitialized, isSidecar } from './container-record.ts';
import { type RestartBackoff, restartDelayMs } from './restarts.ts';

/** All that a decision may depend on. */
export type Seen = {
  readonly spec: PodSpec;
  readonly containers: ContainerRecords;
  readonly terminating: boolean;
  readonly now: number;
  readonly backoff: RestartBackoff;
};

/** What to do now with the containers of a pod, by name; `wakeAt` (epoch ms) is when time alone will change the answer. */
export type Plan = {
  readonly start: readonly string[];
  readonly stop: readonly string[];
  readonly wakeAt?: number;
  /** No container runs, and none will start again. */
  readonly finished: boolean;
};

/** Decides the next step of a pod. Pure; init containers one after the other, then the rest at once (kubelet, computePodActions). */
export function decide(seen: Seen): Plan {
  const { spec, containers } = seen;
  const running = (container: Container) => containers.get(container.name)?.state.kind === 'running';
  const anyRuns = [...initContainers(spec), ...spec.containers].some(running);

  const end = (): Plan => ({ start: [], stop: stopOrder(spec, containers), finished: !anyRuns });
  if (seen.terminating) return end();

  const sidecars: Container[] = [];
  const begun = spec.containers.some((container) => hasRun(containers.get(container.name)));
  for (const container of initContainers(spec)) {
    if (isSidecar(container)) sidecars.push(container);
    if (begun) continue;
    const record = containers.get(container.name);
    if (isInitialized(container, record)) continue;
    if (isOver(container, record, spec)) return end();
    return schedule(isSidecar(container) ? sidecars : [...sidecars, container], seen);
  }
  const over = spec.containers.every((container) => isOver(container, containers.get(container.name), spec));
  return over ? end() : schedule([...sidecars, ...spec.containers], seen);
}

/** Whether the container has ended and its restart policy lets it be. An init container under `Always` restarts only when it failed. */
export function isOver(container: Container, record: ContainerRecord | undefined, spec: PodSpec): boolean {
  if (record?.state.kind !== 'terminated') return false;
  if (isSidecar(container)) return false;
  const policy = spec.restartPolicy ?? 'Always';
  if (policy === 'Never') return true;
  return record.state.exitCode === 0 && (policy === 'OnFailure' || initContainers(spec).includes(container));
}

/** When a container that is not running may start (epoch ms), by its back-off. */
export function startAt(record: ContainerRecord | undefined, backoff: RestartBackoff): number {
  if (!record) return 0;
  const { state } = record;
  if (state.kind === 'waiting') return state.retryAt ?? 0;
  return state.kind === 'terminated' ? state.finishedAt + restartDelayMs(record.endsInARow, backoff) : 0;
}

function schedule(wanted: readonly Container[], { spec, containers, now, backoff }: Seen): Plan {
  const idle = wanted.filter((container) => {
    const record = containers.get(container.name);
    return record?.state.kind !== 'running' && !isOver(container, record, spec);
  });
  const due = (container: Container) => startAt(containers.get(container.name), backoff);
  const later = idle.map(due).filter((at) => at > now);
  return {
    start: idle.filter((container) => due(container) <= now).map((container) => container.name),
    stop: [],
    ...(later.length > 0 && { wakeAt: Math.min(...later) }),
    finished: false,
  };
}

/** Sidecars outlive the containers they serve. */
function stopOrder(spec: PodSpec, containers: ContainerRecords): string[] {
  const toStop = (list: readonly Container[]) =>
    list.filter(({ name }) => {
      const state = containers.get(name)?.state;
      return state?.kind === 'running' && !state.stopping;
    });
  const isUp = ({ name }: Container) => containers.get(name)?.state.kind === 'running';
  const [sidecars, others] = [
    initContainers(spec).filter(isSidecar),
    [...spec.containers, ...initContainers(spec).filter((c) => !isSidecar(c))],
  ];
  return toStop(others.some(isUp) ? others : sidecars).map((container) => container.name);
}

function hasRun(record: ContainerRecord | undefined): boolean {
  return record !== undefined && (record.state.kind !== 'waiting' || record.last !== undefined);
}
