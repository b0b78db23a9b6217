import { day } from './calendar.ts';
import type { Settlement } from './shared-counters.ts';

/** So many are kept one by one, each with the place that its request gives back; of more the sums. */
const maxSingle = 10_000;

/**
 * Settlements that wait for a store that is gone. However long it is, they are no more than a bound and, for each set of gates and
 * each day, a sum: a place that is not given back is free after a minute without.
 */
export class Owed {
  private readonly maxSingle: number;
  private readonly single: Settlement[] = [];
  private readonly sums = new Map<string, Settlement>();

  constructor(most = maxSingle) {
    this.maxSingle = most;
  }

  get size(): number {
    return this.single.length + this.sums.size;
  }

  add(settlement: Settlement): void {
    if (this.single.length < this.maxSingle) {
      this.single.push(settlement);
      return;
    }
    const { demand, takenAt, change } = settlement;
    const key = `${day.of(takenAt)} ${demand.gates.map((gate) => gate.key).join(' ')}`;
    const sum = this.sums.get(key);
    this.sums.set(key, sum ? { ...sum, change: sum.change + change } : settlement);
  }

  /** Takes out so many at most. */
  take(most: number): readonly Settlement[] {
    const taken = this.single.splice(0, most);
    for (const [key, sum] of this.sums) {
      if (taken.length >= most) break;
      taken.push(sum);
      this.sums.delete(key);
    }
    return taken;
  }
}
