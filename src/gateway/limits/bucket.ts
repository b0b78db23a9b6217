const minuteMs = 60_000;

/**
 * A token bucket that may be in debt, told by what is missing from it: 0 is full, more than the limit is debt. It refills steadily,
 * its limit in a minute. The limit comes with each call, for it may change while the bucket lives.
 */
export class Bucket {
  private missing = 0;
  private at: number;

  constructor(now: number) {
    this.at = now;
  }

  /** What is there; below 0 in debt. */
  balance(limit: number, now: number): number {
    this.refill(limit, now);
    return limit - this.missing;
  }

  /** Whether so much may be taken. More than the bucket holds may be taken from a full one: else a large request could never run. */
  holds(amount: number, limit: number, now: number): boolean {
    return this.balance(limit, now) >= Math.min(amount, limit);
  }

  /** Milliseconds until so much may be taken. */
  waitMs(amount: number, limit: number, now: number): number {
    const lacking = Math.min(amount, limit) - this.balance(limit, now);
    return lacking <= 0 ? 0 : Math.ceil((lacking * minuteMs) / limit);
  }

  /** Milliseconds until it is full. */
  resetMs(limit: number, now: number): number {
    this.refill(limit, now);
    return Math.ceil((this.missing * minuteMs) / limit);
  }

  /** Takes so much, or gives it back when below 0; it never holds more than its limit. */
  take(amount: number, limit: number, now: number): void {
    this.refill(limit, now);
    this.missing = Math.max(0, this.missing + amount);
  }

  private refill(limit: number, now: number): void {
    if (now <= this.at) return;
    this.missing = Math.max(0, this.missing - ((now - this.at) * limit) / minuteMs);
    this.at = now;
  }
}
