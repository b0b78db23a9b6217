import { isDeepStrictEqual } from 'node:util';
import type { ModelDeploymentStatus } from '../../src/api/model-deployment.ts';

/** The shortest time between two writes that tell nothing but speeds, bytes and times. */
const paceMs = 5_000;

/** Whether to write a status: not at all, now, or when so many milliseconds have gone. */
export type Pace = 'never' | 'now' | { readonly afterMs: number };

/**
 * A status is written when it changed: at once when a phase, a whole percent or anything else that matters did,
 * and otherwise at most every five seconds.
 */
export function paceOf(written: ModelDeploymentStatus | undefined, next: ModelDeploymentStatus, sinceLastWriteMs: number): Pace {
  if (written && isDeepStrictEqual(withoutNulls(written), withoutNulls(next))) return 'never';
  if (!written || !isDeepStrictEqual(lasting(written), lasting(next)) || sinceLastWriteMs >= paceMs) return 'now';
  return { afterMs: paceMs - sinceLastWriteMs };
}

/** Servers may keep a null or drop it: to us both mean unknown, and the difference must not be written for ever. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, field]) => (field === null ? [] : [[name, withoutNulls(field)]])));
}

function lasting(status: ModelDeploymentStatus): unknown {
  const { loading, columns, replicaStatuses, conditions, ...rest } = status;
  return withoutNulls({
    ...rest,
    loading: loading && { phase: loading.phase, percent: loading.percent, slowestReplica: loading.slowestReplica },
    columns: columns && { ready: columns.ready, load: columns.load, nodeClass: columns.nodeClass },
    replicas: (replicaStatuses ?? []).map(({ etaSeconds, message, ...replica }) => replica).sort((a, b) => (a.name < b.name ? -1 : 1)),
    conditions: (conditions ?? []).map(({ type, status, reason, observedGeneration }) => ({ type, status, reason, observedGeneration })),
  });
}
