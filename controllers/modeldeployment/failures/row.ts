import type { FailureReason } from '../../../src/core/reasons.ts';
import type { Signals } from './signals.ts';

/** One way in which a replica fails, and how that is known. */
export type Row = {
  readonly reason: FailureReason;
  /** Who tells of it. */
  readonly from: 'pod' | 'node' | 'container' | 'event' | 'agent' | 'gateway';
  /** What is looked at, for people. */
  readonly signal: string;
  /** What happened, in the words of who tells it; undefined when this is not the case. The remedy is not part of it. */
  readonly when: (signals: Signals) => string | undefined;
};

/** Several words as one sentence each. */
export function sentences(...parts: readonly (string | undefined)[]): string {
  return parts
    .flatMap((part) => part?.trim() || [])
    .map((part) => (/[.!?…]$/.test(part) ? part : `${part}.`))
    .join(' ');
}
