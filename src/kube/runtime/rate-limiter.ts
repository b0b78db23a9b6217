import type { Clock } from '../../core/clock.ts';

/** Says how long a key must wait before its next try. */
export type RateLimiter = {
  /** Milliseconds; counts as one more failed try of the key. */
  delay(key: string): number;
  /** The key succeeded, or is given up: its next failure is its first. */
  forget(key: string): void;
  /** Failed tries since the last `forget`. */
  retries(key: string): number;
};

/** Doubles a key's wait with each failure: 5 ms to 1000 s unless told (client-go ItemExponentialFailureRateLimiter). */
export class ExponentialBackoff implements RateLimiter {
  private readonly baseMs: number;
  private readonly maxMs: number;
  private readonly failures = new Map<string, number>();

  constructor(baseMs = 5, maxMs = 1_000_000) {
    this.baseMs = baseMs;
    this.maxMs = maxMs;
  }

  delay(key: string): number {
    const failures = this.retries(key);
    this.failures.set(key, failures + 1);
    return Math.min(this.maxMs, this.baseMs * 2 ** failures);
  }

  forget(key: string): void {
    this.failures.delete(key);
  }

  retries(key: string): number {
    return this.failures.get(key) ?? 0;
  }
}

/** Bounds the retries of all keys together: 10 a second with bursts of 100 unless told (client-go BucketRateLimiter). */
export class TokenBucket implements RateLimiter {
  private readonly clock: Clock;
  private readonly perSecond: number;
  private readonly burst: number;
  private tokens: number;
  private filledAt: number;

  constructor(clock: Clock, perSecond = 10, burst = 100) {
    this.clock = clock;
    this.perSecond = perSecond;
    this.burst = burst;
    this.tokens = burst;
    this.filledAt = clock.now();
  }

  delay(_key: string): number {
    const now = this.clock.now();
    const gained = (Math.max(0, now - this.filledAt) / 1000) * this.perSecond;
    this.tokens = Math.min(this.burst, this.tokens + gained) - 1;
    this.filledAt = now;
    // Below zero is a debt: whoever comes now waits until it is paid.
    return this.tokens >= 0 ? 0 : (-this.tokens / this.perSecond) * 1000;
  }

  forget(_key: string): void {}

  retries(_key: string): number {
    return 0;
  }
}

/** The longest wait of several limiters. */
export class MaxOf implements RateLimiter {
  private readonly limiters: readonly RateLimiter[];

  constructor(...limiters: readonly RateLimiter[]) {
    this.limiters = limiters;
  }

  delay(key: string): number {
    return Math.max(...this.limiters.map((limiter) => limiter.delay(key)));
  }

  forget(key: string): void {
    for (const limiter of this.limiters) limiter.forget(key);
  }

  retries(key: string): number {
    return Math.max(...this.limiters.map((limiter) => limiter.retries(key)));
  }
}
