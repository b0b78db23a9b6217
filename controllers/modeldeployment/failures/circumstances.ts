import type { FailureReason } from '../../../src/core/reasons.ts';

const circumstances: ReadonlySet<string | undefined> = new Set<FailureReason>(['NodeLost', 'Evicted', 'Preempted']);

/** Whether a failure tells nothing of what runs in the replica, only of where it ran: the next one may well fare better. */
export function isCircumstance(reason: string | undefined): boolean {
  return circumstances.has(reason);
}
