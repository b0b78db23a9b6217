import { phaseLadder, type ReplicaPhase } from '../../src/core/phases.ts';

export type LadderPhase = (typeof phaseLadder)[number];

/** Where each phase begins on the whole way to Ready, in percent. */
export type Ladder = Readonly<Record<LadderPhase, number>>;

/** While nobody knows better: fetching and reading the weights take nearly all of the time; the rest is there so that a change of phase shows. */
export const defaultLadder: Ladder = {
  Pending: 0,
  Scheduled: 1,
  PullingImage: 2,
  Fetching: 5,
  Verifying: 50,
  LoadingWeights: 60,
  Compiling: 90,
  WarmingUp: 96,
  Ready: 100,
};

/** Whole percents of the way to Ready, for `percent` of one phase; 100 is kept for Ready itself. */
export function overallPercent(phase: LadderPhase, percent: number, ladder: Ladder = defaultLadder): number {
  if (phase === 'Ready') return 100;
  const next = phaseLadder[rankOf(phase) + 1] ?? 'Ready';
  const within = Math.min(100, Math.max(0, percent)) / 100;
  return Math.min(99, Math.floor(ladder[phase] + (ladder[next] - ladder[phase]) * within));
}

/** A ladder whose phases are as long as these weights say. Each has a percent of its own, so that a change of phase shows. */
export function weightedLadder(weightOf: (phase: LadderPhase) => number): Ladder {
  const steps = phaseLadder.slice(0, -1);
  const total = steps.reduce((sum, phase) => sum + weightOf(phase), 0);
  if (!(total > 0)) return defaultLadder;
  const toShare = (100 - steps.length) / total;
  const begins = { ...defaultLadder, Ready: 100 };
  let begin = 0;
  for (const phase of steps) {
    begins[phase] = begin;
    begin += 1 + weightOf(phase) * toShare;
  }
  return begins;
}

/** Whether the phase is a step on the way to Ready rather than beside it. */
export function isOnLadder(phase: ReplicaPhase): phase is LadderPhase {
  return Object.hasOwn(defaultLadder, phase);
}

/** How many phases come before. */
export function rankOf(phase: LadderPhase): number {
  return phaseLadder.indexOf(phase);
}
