import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { TableColumn } from '../resource.ts';
import { ageOf } from '../table-age.ts';
import { ageColumn, column, objectsAt, textAt, wide } from './columns.ts';
import { at } from './define.ts';

type PodSummary = { readonly ready: string; readonly status: string; readonly restarts: string };

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isSidecar(pod: JsonObject, name: unknown): boolean {
  return objectsAt(pod, 'spec', 'initContainers').some((each) => each.name === name && each.restartPolicy === 'Always');
}

function exitReason(terminated: JsonObject): string {
  if (text(terminated.reason) !== '') return text(terminated.reason);
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode ?? 0}`;
}

/** The reason of the first init container that is not through yet, and undefined when all are. */
function initReason(pod: JsonObject): string | undefined {
  const statuses = objectsAt(pod, 'status', 'initContainerStatuses');
  const total = objectsAt(pod, 'spec', 'initContainers').length;
  for (const [index, status] of statuses.entries()) {
    const terminated = at(status, 'state', 'terminated');
    const waiting = at(status, 'state', 'waiting');
    if (isJsonObject(terminated)) {
      if (terminated.exitCode === 0) continue;
      return `Init:${exitReason(terminated)}`;
    }
    if (isSidecar(pod, status.name) && status.started === true) continue;
    if (isJsonObject(waiting) && text(waiting.reason) !== '' && waiting.reason !== 'PodInitializing') return `Init:${text(waiting.reason)}`;
    return `Init:${index}/${total}`;
  }
  return undefined;
}

function hasReadyCondition(pod: JsonObject): boolean {
  return objectsAt(pod, 'status', 'conditions').some((each) => each.type === 'Ready' && each.status === 'True');
}

/** READY, STATUS and RESTARTS of a pod as printPod of pkg/printers/internalversion in Kubernetes computes them. */
export function summarizePod(pod: JsonObject, now: number): PodSummary {
  const containers =
    objectsAt(pod, 'spec', 'containers').length +
    objectsAt(pod, 'spec', 'initContainers').filter((each) => each.restartPolicy === 'Always').length;
  const statuses = objectsAt(pod, 'status', 'containerStatuses');
  const initStatuses = objectsAt(pod, 'status', 'initContainerStatuses');
  let reason = text(at(pod, 'status', 'reason')) || text(at(pod, 'status', 'phase')) || 'Unknown';
  if (objectsAt(pod, 'status', 'conditions').some((each) => each.type === 'PodScheduled' && each.reason === 'SchedulingGated'))
    reason = 'SchedulingGated';

  const initializing = initReason(pod);
  let ready = initStatuses.filter((each) => isSidecar(pod, each.name) && each.started === true && each.ready === true).length;
  const counted = initializing !== undefined ? initStatuses : [...initStatuses.filter((each) => isSidecar(pod, each.name)), ...statuses];
  if (initializing !== undefined) {
    reason = initializing;
  } else {
    let running = false;
    for (const status of statuses.toReversed()) {
      const waiting = at(status, 'state', 'waiting');
      const terminated = at(status, 'state', 'terminated');
      if (isJsonObject(waiting) && text(waiting.reason) !== '') reason = text(waiting.reason);
      else if (isJsonObject(terminated)) reason = exitReason(terminated);
      else if (status.ready === true && isJsonObject(at(status, 'state', 'running'))) {
        running = true;
        ready++;
      }
    }
    if (reason === 'Completed' && running) reason = hasReadyCondition(pod) ? 'Running' : 'NotReady';
  }
  if (at(pod, 'metadata', 'deletionTimestamp') !== undefined) {
    const phase = at(pod, 'status', 'phase');
    if (at(pod, 'status', 'reason') === 'NodeLost') reason = 'Unknown';
    else if (phase !== 'Succeeded' && phase !== 'Failed') reason = 'Terminating';
  }
  return { ready: `${ready}/${containers}`, status: reason, restarts: restarts(counted, now) };
}

function restarts(statuses: readonly JsonObject[], now: number): string {
  let total = 0;
  let last = '';
  for (const status of statuses) {
    total += typeof status.restartCount === 'number' ? status.restartCount : 0;
    const finished = text(at(status, 'lastState', 'terminated', 'finishedAt'));
    if (finished > last) last = finished;
  }
  return total > 0 && last !== '' ? `${total} (${ageOf(last, now)} ago)` : String(total);
}

function readinessGates(pod: JsonObject): string {
  const gates = objectsAt(pod, 'spec', 'readinessGates');
  if (gates.length === 0) return '<none>';
  const conditions = objectsAt(pod, 'status', 'conditions');
  const met = gates.filter((gate) => conditions.some((each) => each.type === gate.conditionType && each.status === 'True'));
  return `${met.length}/${gates.length}`;
}

export const podColumns: readonly TableColumn[] = [
  column('Ready', (pod, now) => summarizePod(pod, now).ready, 'The containers of the pod that are ready, of all it has.'),
  column('Status', (pod, now) => summarizePod(pod, now).status, 'The phase of the pod, or why its containers wait or ended.'),
  column('Restarts', (pod, now) => summarizePod(pod, now).restarts, 'How often containers of the pod were restarted, and when last.'),
  ageColumn,
  wide('IP', textAt(['status', 'podIP'], '<none>')),
  wide('Node', textAt(['spec', 'nodeName'], '<none>')),
  wide('Nominated Node', textAt(['status', 'nominatedNodeName'], '<none>')),
  wide('Readiness Gates', readinessGates),
];
