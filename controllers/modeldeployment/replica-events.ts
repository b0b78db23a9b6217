import type { Applied } from './apply.ts';
import type { Removal, RemovalReason } from './plan.ts';

export type ReplicaEvent = { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };

const most = 10;

const why: Record<RemovalReason, string> = {
  Suspended: 'The deployment is suspended.',
  ScaledIn: 'Fewer replicas are wanted.',
  Replaced: 'A newer revision takes its place.',
  Deleted: 'The deployment is deleted.',
  Ended: 'Its pod has ended.',
  Stalled: 'It no longer got on.',
  Lost: 'Its node is gone.',
  Drained: 'All requests are finished.',
  DrainTimeout: 'It was not done within rollout.drainTimeout: what still ran is cut off.',
};

const alarming: ReadonlySet<RemovalReason> = new Set(['Ended', 'Stalled', 'Lost', 'DrainTimeout']);

/** What people are told of the writes of one reconcile: one event for each kind of write and its cause, however many pods it concerns. */
export function eventsOf({ created, drained, removed }: Applied): readonly ReplicaEvent[] {
  const creation = { type: 'Normal', reason: 'ReplicaCreated', message: `Created ${pods(created)}.` } as const;
  return [...byReason(removed, 'Deleted'), ...(created.length > 0 ? [creation] : []), ...byReason(drained, 'Draining')];
}

function byReason(removals: readonly Removal[], verb: 'Deleted' | 'Draining'): ReplicaEvent[] {
  return [...Map.groupBy(removals, ({ reason }) => reason)].map(([reason, group]) => {
    const names = group.map(({ replica: { name } }) => name);
    const words = alarming.has(reason) ? group.find(({ replica }) => replica.message !== undefined)?.replica.message : undefined;
    return {
      type: alarming.has(reason) ? 'Warning' : 'Normal',
      reason: `Replica${reason}`,
      message: `${verb} ${pods(names)}. ${words ?? why[reason]}`,
    };
  });
}

function pods(names: readonly string[]): string {
  const some = names.slice(0, most).join(', ');
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return `${names.length === 1 ? 'pod' : 'pods'} ${some}${more}`;
}
