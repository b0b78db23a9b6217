import { isDeepStrictEqual } from 'node:util';
import type { ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { findCondition } from '../../src/kube/index.ts';

/** The shortest time between two writes while a deployment loads. */
const loadingPaceMs = 1_000;
/** The shortest time between two writes that tell nothing but speeds, bytes, times and wordings. */
const detailPaceMs = 5_000;

/** Whether to write a status: not at all, now, or when so many milliseconds have gone. */
export type Pace = 'never' | 'now' | { readonly afterMs: number };

/**
 * A status is written when it changed: when a phase, a reason, a count or a whole percent did at once, but while it loads no more than
 * once a second; everything else at most every five seconds. The write that ends the loading waits for nothing, nor does the answer
 * to a new spec.
 */
export function paceOf(written: ModelDeploymentStatus | undefined, next: ModelDeploymentStatus, sinceLastWriteMs: number): Pace {
  if (!written) return 'now';
  if (isDeepStrictEqual(withoutNulls(written), withoutNulls(next))) return 'never';
  if (!next.loading && written.loading) return 'now';
  if (!isDeepStrictEqual(answer(written), answer(next))) return 'now';
  const paceMs = isDeepStrictEqual(lasting(written), lasting(next)) ? detailPaceMs : next.loading ? loadingPaceMs : 0;
  return sinceLastWriteMs >= paceMs ? 'now' : { afterMs: paceMs - sinceLastWriteMs };
}

/** Servers may keep a null or drop it: to us both mean unknown, and the difference must not be written for ever. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, field]) => (field === null ? [] : [[name, withoutNulls(field)]])));
}

/** What somebody who changed the spec waits for. */
function answer({ observedGeneration, conditions }: ModelDeploymentStatus): unknown {
  return [observedGeneration, findCondition(conditions, 'Accepted')?.status];
}

/** What people wait for. Of percents that of the slowest replica: the others come along. */
function lasting(status: ModelDeploymentStatus): unknown {
  const { loading, columns, replicaStatuses, conditions, ...rest } = status;
  return withoutNulls({
    ...rest,
    loading: loading && { phase: loading.phase, percent: loading.percent },
    columns: columns && { ready: columns.ready, nodeClass: columns.nodeClass },
    replicas: (replicaStatuses ?? [])
      .map(({ etaSeconds, message, percent, ...replica }) => replica)
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    conditions: (conditions ?? []).map(({ type, status, reason, observedGeneration }) => ({ type, status, reason, observedGeneration })),
  });
}
