import { quantile } from '../report.ts';

/** Measurements of one thing, one from each round; NaN from a round in which it could not be measured. */
export type Samples = readonly number[];

/**
 * Gives each of the subjects a turn in every round, in their order and against it by turns (A B B A): a machine that becomes slower
 * meanwhile, as one whose cores are shared does, favours nobody. Resolves with the samples in the order of the rounds.
 */
export async function inTurns<S>(subjects: readonly S[], rounds: number, turn: (subject: S) => Promise<number>): Promise<Map<S, Samples>> {
  const samples = new Map<S, number[]>(subjects.map((subject) => [subject, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) samples.get(subject)?.push(await turn(subject));
  return samples;
}

/** The middle one, or the mean of the two in the middle, of those that were measured; NaN when there is none. */
export function median(samples: Samples): number {
  const sorted = measured(samples).toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** Without the rounds in which nothing could be measured. */
export function measured(samples: Samples): Samples {
  return samples.filter((sample) => !Number.isNaN(sample));
}

/** How many times as much `a` is as `b`: the median of what each round says. */
export function ratio(a: Samples, b: Samples): number {
  return median(a.map((value, round) => value / (b[round] ?? Number.NaN)));
}

/** By how much a quantile of `through` is above that of `direct`: the median of what each round says. */
export function added(at: number, through: readonly Samples[], direct: readonly Samples[]): number {
  return median(through.map((samples, round) => quantile(samples, at) - quantile(direct[round] ?? [], at)));
}
