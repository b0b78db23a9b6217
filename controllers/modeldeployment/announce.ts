import type { ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { findCondition } from '../../src/kube/index.ts';
import { newRevision, rolloutComplete } from './conditions-progressing.ts';

/** What people are told through a Kubernetes Event. */
export type Announcement = { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };

/**
 * What is new in a status that was just written. Follows from the two statuses alone, so that whoever takes over says nothing twice:
 * a failure once for each revision and reason, however often its replica is tried again.
 */
export function announcements(previous: ModelDeploymentStatus | undefined, next: ModelDeploymentStatus): readonly Announcement[] {
  return [
    ...failures(previous, next),
    ...loaded(previous, next),
    ...complete(previous, next),
    ...nameTaken(previous, next),
    ...scaled(previous, next),
  ];
}

function failures(previous: ModelDeploymentStatus | undefined, next: ModelDeploymentStatus): Announcement[] {
  const told = previous?.revision === next.revision ? (previous?.failures ?? []) : [];
  const fresh = (next.failures ?? []).filter(
    (failure) => !told.some((one) => one.reason === failure.reason && one.firstSeenAt === failure.firstSeenAt),
  );
  return fresh.map(({ reason, message }) => ({ type: 'Warning', reason: reason === 'NoProgress' ? 'Stalled' : reason, message }));
}

function loaded(previous: ModelDeploymentStatus | undefined, next: ModelDeploymentStatus): Announcement[] {
  const now = findCondition(next.conditions, 'Loaded');
  const isNews = now?.status === 'True' && now.reason === 'Loaded' && findCondition(previous?.conditions, 'Loaded')?.status !== 'True';
  return isNews ? [{ type: 'Normal', reason: 'Loaded', message: now.message }] : [];
}

function complete(previous: ModelDeploymentStatus | undefined, next: ModelDeploymentStatus): Announcement[] {
  const isComplete = findCondition(next.conditions, 'Progressing')?.reason === rolloutComplete;
  const wasOnTheWay = findCondition(previous?.conditions, 'Progressing')?.reason === newRevision;
  if (!isComplete || !wasOnTheWay) return [];
  return [
    { type: 'Normal', reason: rolloutComplete, message: `All replicas are of revision ${next.revision}; none of an older one is left.` },
  ];
}

function nameTaken(previous: ModelDeploymentStatus | undefined, next: ModelDeploymentStatus): Announcement[] {
  const now = findCondition(next.conditions, 'RouteReady');
  const isNews = now?.reason === 'NameTaken' && findCondition(previous?.conditions, 'RouteReady')?.reason !== 'NameTaken';
  return isNews ? [{ type: 'Warning', reason: 'NameTaken', message: now.message }] : [];
}

/** From and to zero is told by whoever does it, with the reason. */
function scaled(previous: ModelDeploymentStatus | undefined, next: ModelDeploymentStatus): Announcement[] {
  const before = previous?.scaling?.desired ?? 0;
  const { desired = 0, value, perReplica, limitedBy } = next.scaling ?? {};
  if (before === 0 || desired === 0 || before === desired) return [];
  const limit = limitedBy === undefined ? '' : ` Limited by ${limitedBy}.`;
  return [
    {
      type: 'Normal',
      reason: desired > before ? 'ScaledUp' : 'ScaledDown',
      message: `From ${before} to ${desired} replicas: ${value} requests in the system, ${perReplica} for each replica that there was.${limit}`,
    },
  ];
}
