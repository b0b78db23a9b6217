import type { ContainerState, ContainerStatus, Pod } from 'kubernetes-types/core/v1.d.ts';
import { type ContainerRecord, fresh, initContainers, type Terminated } from './container-record.ts';

/**
 * What a kubelet that has just started knows of a pod, from its status. No process has outlived the former kubelet,
 * so a container recorded as running has ended in an unknown way (kubelet: ContainerStatusUnknown) and counts as a restart. Pure.
 */
export function seedRecords(pod: Pod, now: number): Map<string, ContainerRecord> {
  const spec = pod.spec ?? { containers: [] };
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return new Map(
    [...initContainers(spec), ...spec.containers].map(({ name }) => {
      const status = statuses.find((one) => one.name === name);
      return [name, status ? seed(status, now) : fresh(initContainers(spec).length > 0 ? 'PodInitializing' : 'ContainerCreating')];
    }),
  );
}

function seed(status: ContainerStatus, now: number): ContainerRecord {
  const last = parseEnd(status.lastState?.terminated);
  const ended = parseEnd(status.state?.terminated);
  const { running } = status.state ?? {};
  const common = { restartCount: status.restartCount, endsInARow: 0 };
  if (running) {
    const state: Terminated = {
      kind: 'terminated',
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the kubelet started.',
      finishedAt: now,
      ...(status.containerID !== undefined && { id: status.containerID }),
      ...(running.startedAt !== undefined && { startedAt: Date.parse(running.startedAt) }),
    };
    return { ...common, state, ...(last && { last }) };
  }
  if (ended) return { ...common, state: ended, ...(last && { last }) };
  return last ? { ...common, state: last } : fresh();
}

function parseEnd(terminated: ContainerState['terminated']): Terminated | undefined {
  if (!terminated) return undefined;
  return {
    kind: 'terminated',
    exitCode: terminated.exitCode,
    reason: terminated.reason ?? 'Error',
    finishedAt: Date.parse(terminated.finishedAt ?? '') || 0,
    ...(terminated.startedAt !== undefined && { startedAt: Date.parse(terminated.startedAt) }),
    ...(terminated.message !== undefined && { message: terminated.message }),
    ...(terminated.signal !== undefined && { signal: terminated.signal }),
    ...(terminated.containerID !== undefined && { id: terminated.containerID }),
  };
}
