/** The estimate rests on the answers of the last one to two of these. */
const spanMs = 10_000;
/** After so long without an answer nothing is known any more: a clock may have been set. */
const staleMs = 60_000;

/**
 * What a server's clock shows, judged by the instants in its answers. An answer has been on its way for some time, so the estimate is
 * never ahead of the truth while both clocks go on, and behind by the fastest way of late. Instants are milliseconds.
 */
export class ServerTime {
  private since = 0;
  private heardAt = Number.NEGATIVE_INFINITY;
  private ahead = Number.NEGATIVE_INFINITY;
  private before = Number.NEGATIVE_INFINITY;

  /** An answer that was given at `at` by the server's clock has arrived at `now` of ours. */
  note(at: number, now: number): void {
    if (now - this.since >= spanMs || now < this.since) {
      this.before = now - this.heardAt < staleMs ? this.ahead : Number.NEGATIVE_INFINITY;
      this.ahead = Number.NEGATIVE_INFINITY;
      this.since = now;
    }
    this.heardAt = now;
    this.ahead = Math.max(this.ahead, at - now);
  }

  /** What it shows now, about; undefined when it has not been heard of lately. */
  read(now: number): number | undefined {
    if (now - this.heardAt >= staleMs || this.heardAt > now) return undefined;
    return now + Math.max(this.ahead, this.before);
  }
}
