/** What happens when, earliest first (a binary heap). */
export class Agenda<T> {
  private readonly entries: { readonly at: number; readonly what: T }[] = [];

  /** When the next thing happens; never, when there is none. */
  get nextAt(): number {
    return this.entries[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  add(at: number, what: T): void {
    let index = this.entries.length;
    const entry = { at, what };
    this.entries.push(entry);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.entries[above];
      if (parent === undefined || parent.at <= at) break;
      this.entries[index] = parent;
      index = above;
    }
    this.entries[index] = entry;
  }

  /** Takes the next thing. Throws a RangeError when there is none. */
  take(): T {
    const [first] = this.entries;
    const last = this.entries.pop();
    if (first === undefined || last === undefined) throw new RangeError('nothing is on the agenda');
    if (this.entries.length > 0) this.sink(last);
    return first.what;
  }

  private sink(entry: { readonly at: number; readonly what: T }): void {
    let index = 0;
    for (;;) {
      const [left, right] = [this.entries[2 * index + 1], this.entries[2 * index + 2]];
      if (left === undefined) break;
      const lower = right !== undefined && right.at < left.at ? 2 * index + 2 : 2 * index + 1;
      const child = lower === 2 * index + 2 ? right : left;
      if (child === undefined || child.at >= entry.at) break;
      this.entries[index] = child;
      index = lower;
    }
    this.entries[index] = entry;
  }
}
