/** Length of a part of the window, in milliseconds. */
const partMs = 1_000;

/** Any 60 seconds touch at most so many parts. */
const parts = 61;

/**
 * Counts what happened lately, second by second, so that no 60 seconds hold more than a limit: a bucket that refills would let a
 * full one and a minute's refill through in one minute. The price is that a place comes back after 60 to 61 seconds.
 */
export class SlidingWindow {
  private readonly counts = new Uint32Array(parts);
  private total = 0;
  private head = 0;

  /** How many there were in the window that ends at `now`. */
  count(now: number): number {
    const part = Math.floor(now / partMs);
    if (part - this.head >= parts) {
      this.counts.fill(0);
      this.total = 0;
      this.head = part;
    }
    // A clock that went back counts on in the part that it has reached.
    while (this.head < part) {
      this.head += 1;
      this.total -= this.at(this.head);
      this.counts[this.head % parts] = 0;
    }
    return this.total;
  }

  add(now: number): void {
    this.count(now);
    this.counts[this.head % parts] = this.at(this.head) + 1;
    this.total += 1;
  }

  /** Takes back what was added at `at`, if it still counts. */
  remove(at: number): void {
    const part = Math.floor(at / partMs);
    if (part > this.head || part <= this.head - parts || this.at(part) === 0) return;
    this.counts[part % parts] = this.at(part) - 1;
    this.total -= 1;
  }

  /** Milliseconds until fewer than `limit` are in the window. */
  waitMs(limit: number, now: number): number {
    let left = this.count(now);
    for (let part = this.head - parts + 1; left >= limit && part <= this.head; part += 1) {
      left -= this.at(part + parts);
      if (left < limit) return (part + parts) * partMs - now;
    }
    return 0;
  }

  /** Milliseconds until none is in the window. */
  emptyMs(now: number): number {
    if (this.count(now) === 0) return 0;
    let part = this.head;
    while (this.at(part) === 0) part -= 1;
    return (part + parts) * partMs - now;
  }

  private at(part: number): number {
    return this.counts[part % parts] ?? 0;
  }
}
