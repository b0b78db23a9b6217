import type { ReplicaPhase } from '../../src/core/phases.ts';

/**
 * Where each phase begins on the whole way to Ready, in percent.
 * Fetching and reading the weights take nearly all of the time; the rest is there so that a change of phase shows.
 */
const begins = {
  Pending: 0,
  Scheduled: 1,
  PullingImage: 2,
  Fetching: 5,
  Verifying: 50,
  LoadingWeights: 60,
  Compiling: 90,
  WarmingUp: 96,
  Ready: 100,
} as const;

type LadderPhase = keyof typeof begins;
const ladder = Object.keys(begins) as LadderPhase[];

/** Whole percents of the way to Ready, for `percent` of one phase; 100 is kept for Ready itself. */
export function overallPercent(phase: LadderPhase, percent: number): number {
  if (phase === 'Ready') return 100;
  const next = ladder[ladder.indexOf(phase) + 1] ?? 'Ready';
  const within = Math.min(100, Math.max(0, percent)) / 100;
  return Math.min(99, Math.floor(begins[phase] + (begins[next] - begins[phase]) * within));
}

/** Whether the phase is a step on the way to Ready rather than beside it. */
export function isOnLadder(phase: ReplicaPhase): phase is LadderPhase {
  return Object.hasOwn(begins, phase);
}
