const sliceMs = 5_000;
const slices = 6;

/** The mean of what was noted in the last half minute, give or take a slice of five seconds. A note costs two additions. */
export class RecentMean {
  private readonly sums = new Float64Array(slices);
  private readonly counts = new Float64Array(slices);
  /** Number of the newest slice since the epoch. */
  private newest = 0;

  note(value: number, now: number): void {
    const index = this.turnTo(now) % slices;
    this.sums[index] = (this.sums[index] ?? 0) + value;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
  }

  /** The mean and how many it is of; undefined when it is of none. */
  read(now: number): { readonly mean: number; readonly count: number } | undefined {
    this.turnTo(now);
    let sum = 0;
    let count = 0;
    for (let index = 0; index < slices; index += 1) {
      sum += this.sums[index] ?? 0;
      count += this.counts[index] ?? 0;
    }
    return count === 0 ? undefined : { mean: sum / count, count };
  }

  /** Empties the slices that have passed; a clock that goes back stays in the newest. */
  private turnTo(now: number): number {
    const slice = Math.floor(now / sliceMs);
    const passed = Math.min(slices, slice - this.newest);
    for (let back = 0; back < passed; back += 1) {
      this.sums[(slice - back) % slices] = 0;
      this.counts[(slice - back) % slices] = 0;
    }
    this.newest = Math.max(this.newest, slice);
    return this.newest;
  }
}
