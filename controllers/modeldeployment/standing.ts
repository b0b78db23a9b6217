import type { ReplicaPhase } from '../../src/core/phases.ts';
import { overallPercent } from './progress.ts';

/** Where a replica stands on its way to Ready, and what is wrong if something is. */
export type Standing = {
  readonly phase: ReplicaPhase;
  /** Of the whole way to Ready. */
  readonly percent: number;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
};

/** At a phase of the ladder, `percent` of it done; null when nobody knows. */
export function at(phase: Parameters<typeof overallPercent>[0], percent: number | null = 0): Standing {
  return { phase, percent: overallPercent(phase, percent ?? 0) };
}
