import type { ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { findCondition } from '../../src/kube/index.ts';

/** The shortest time between two writes while a deployment loads. */
const loadingPaceMs = 1_000;
/** Writes a second for all that load together: a write of a status costs the API server as much as three new pods. */
const loadingWritesPerSecond = 25;
/** The shortest time between two writes that tell nothing but speeds, bytes, times and wordings. */
const detailPaceMs = 5_000;

/** Whether to write a status: not at all, now, or when so many milliseconds have gone. */
export type Pace = 'never' | 'now' | { readonly afterMs: number };

/**
 * A status is written when it changed: when a phase, a reason, a count or a whole percent did at once, but while it loads no more than
 * once a second; everything else at most every five seconds. The write that ends the loading waits for nothing, nor does the answer
 * to a new spec.
 */
export function paceOf(
  written: ModelDeploymentStatus | undefined,
  next: ModelDeploymentStatus,
  sinceLastWriteMs: number,
  loading = 1,
): Pace {
  if (!written) return 'now';
  if (alike(written, next)) return 'never';
  if (!next.loading && written.loading) return 'now';
  if (!alike(answer(written), answer(next))) return 'now';
  const sharedPaceMs = Math.max(loadingPaceMs, (loading / loadingWritesPerSecond) * 1_000);
  const isDetail = alike(lasting(written), lasting(next));
  const paceMs = isDetail ? Math.max(detailPaceMs, sharedPaceMs) : next.loading ? sharedPaceMs : 0;
  return sinceLastWriteMs >= paceMs ? 'now' : { afterMs: paceMs - sinceLastWriteMs };
}

/** Whether two values of JSON say the same. Servers may keep a null or drop it: to us both mean unknown, and it must not be written for ever. */
function alike(a: unknown, b: unknown): boolean {
  if (a === b || (a ?? undefined) === (b ?? undefined)) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => alike(item, b[index]));
  if (!isFields(a) || !isFields(b)) return false;
  for (const name in a) if (!alike(a[name], b[name])) return false;
  for (const name in b) if (a[name] == null && b[name] != null) return false;
  return true;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What somebody who changed the spec waits for. */
function answer({ observedGeneration, conditions }: ModelDeploymentStatus): unknown {
  return [observedGeneration, findCondition(conditions, 'Accepted')?.status];
}

/** What people wait for. Of percents that of the slowest replica: the others come along. */
function lasting(status: ModelDeploymentStatus): unknown {
  const { loading, columns, replicaStatuses, conditions, ...rest } = status;
  return {
    ...rest,
    loading: loading && { phase: loading.phase, percent: loading.percent },
    columns: columns && { ready: columns.ready, nodeClass: columns.nodeClass },
    replicas: (replicaStatuses ?? [])
      .map(({ etaSeconds, message, percent, ...replica }) => replica)
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    conditions: (conditions ?? []).map(({ type, status, reason, observedGeneration }) => ({ type, status, reason, observedGeneration })),
  };
}
