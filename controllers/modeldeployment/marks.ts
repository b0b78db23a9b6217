import { annotations, protectionAnnotations } from '../../src/api/resources.ts';
import type { MergePatch, Pod } from '../../src/kube/index.ts';
import type { Replica } from './replica.ts';

const unprotected = Object.fromEntries(Object.keys(protectionAnnotations).map((name) => [name, null]));

/** Marks a replica to drain as of `now` (milliseconds): gateways and its agent see to the rest, and its node need not be kept. */
export function drainMark(replica: Replica, now: number): MergePatch<Pod> {
  const since = new Date(now).toISOString();
  return mark(replica, { ...unprotected, [annotations.draining]: 'true', [annotations.drainingSince]: since });
}

/** Lets autoscalers move a replica that has loaded. */
export function unprotectMark(replica: Replica): MergePatch<Pod> {
  return mark(replica, unprotected);
}

/** The UID makes the server refuse the patch when the name belongs to another pod by now. */
function mark({ uid }: Replica, changes: Readonly<Record<string, string | null>>): MergePatch<Pod> {
  return { metadata: { uid, annotations: changes } };
}
