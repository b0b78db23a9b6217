import type { Container, PodSpec } from 'kubernetes-types/core/v1.d.ts';

/** Not running, and why; `retryAt` (epoch ms) when starting it was tried and failed. */
type Waiting = {
  readonly kind: 'waiting';
  readonly reason: string;
  readonly message?: string;
  readonly retryAt?: number;
  /** Failed attempts to start in a row. */
  readonly failures: number;
};

export type Running = {
  readonly kind: 'running';
  readonly id: string;
  readonly startedAt: number;
  /** The startup probe has passed, or there is none. */
  readonly started: boolean;
  readonly ready: boolean;
  /** It was told to end. */
  readonly stopping: boolean;
};

export type Terminated = {
  readonly kind: 'terminated';
  readonly id?: string;
  readonly exitCode: number;
  readonly signal?: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedAt?: number;
  readonly finishedAt: number;
};

/** What the kubelet knows of one container of a pod: a plain value, replaced as a whole. Instants are epoch milliseconds. */
export type ContainerRecord = {
  readonly state: Waiting | Running | Terminated;
  /** The run before the present one. */
  readonly last?: Terminated;
  readonly restartCount: number;
  /** Ends in a row, for the back-off. */
  readonly endsInARow: number;
};

export type ContainerRecords = ReadonlyMap<string, ContainerRecord>;

export function initContainers(spec: PodSpec): readonly Container[] {
  return spec.initContainers ?? [];
}

/** An init container that runs beside the others until they have ended. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** A container that has not been started yet. */
export function fresh(reason = 'ContainerCreating'): ContainerRecord {
  return { state: { kind: 'waiting', reason, failures: 0 }, restartCount: 0, endsInARow: 0 };
}

/** The newest end of the container: of the present state, or of the run before it. */
export function lastEnd(record: ContainerRecord): Terminated | undefined {
  return record.state.kind === 'terminated' ? record.state : record.last;
}

/** Whether it got as far as serving its purpose: an init container ended well, a sidecar started. */
export function isInitialized(container: Container, record: ContainerRecord | undefined): boolean {
  if (!record) return false;
  if (isSidecar(container)) return record.state.kind === 'running' && record.state.started;
  return record.state.kind === 'terminated' && record.state.exitCode === 0;
}
