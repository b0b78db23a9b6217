import { quantile, round } from '../report.ts';
import type { Mark, Run } from './simulation.ts';

/** What a rule cost, and what its callers saw. */
export type Score = {
  readonly gpuSeconds: number;
  readonly waitP50Seconds: number;
  readonly waitP95Seconds: number;
  /** How often a change of the replicas went the other way than the one before. */
  readonly oscillations: number;
  /** From the rise of the load to the first replica that was asked for because of it; null when none was. */
  readonly firstScaleUpSeconds: number | null;
  readonly peakReplicas: number;
};

export function scoreOf({ waits, gpuSeconds, marks }: Run, risesAtSeconds: number): Score {
  return {
    gpuSeconds,
    waitP50Seconds: quantile(waits, 0.5),
    waitP95Seconds: quantile(waits, 0.95),
    oscillations: oscillations(marks),
    firstScaleUpSeconds: firstScaleUp(marks, risesAtSeconds),
    peakReplicas: Math.max(...marks.map(({ replicas }) => replicas)),
  };
}

/** Each number of several runs' scores in the middle. */
export function medianOf(scores: readonly Score[]): Score {
  const middle = (number: (score: Score) => number | null) => {
    const known = scores.map(number).filter((value) => value !== null);
    return known.length === 0 ? null : round(quantile(known, 0.5), 2);
  };
  return {
    gpuSeconds: middle(({ gpuSeconds }) => gpuSeconds) ?? 0,
    waitP50Seconds: middle(({ waitP50Seconds }) => waitP50Seconds) ?? 0,
    waitP95Seconds: middle(({ waitP95Seconds }) => waitP95Seconds) ?? 0,
    oscillations: middle(({ oscillations }) => oscillations) ?? 0,
    firstScaleUpSeconds: middle(({ firstScaleUpSeconds }) => firstScaleUpSeconds),
    peakReplicas: middle(({ peakReplicas }) => peakReplicas) ?? 0,
  };
}

function oscillations(marks: readonly Mark[]): number {
  const directions = marks
    .map(({ replicas }, at) => Math.sign(replicas - (marks[at - 1]?.replicas ?? replicas)))
    .filter((direction) => direction !== 0);
  return directions.filter((direction, at) => at > 0 && direction !== directions[at - 1]).length;
}

function firstScaleUp(marks: readonly Mark[], risesAtSeconds: number): number | null {
  const before = marks.findLast(({ second }) => second < risesAtSeconds)?.replicas ?? 0;
  const first = marks.find(({ second, replicas }) => second >= risesAtSeconds && replicas > before);
  return first === undefined ? null : first.second - risesAtSeconds;
}
