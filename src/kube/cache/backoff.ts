import type { Random } from '../../core/clock.ts';

const firstMs = 800;
// client-go waits up to 30 s. What is learned so late is served stale so long: an outage must not outlast itself by that much.
const maxMs = 10_000;
const resetAfterMs = 120_000;

/** Growing, jittered waits between the tries of a reflector: 0.8 s doubling to 10 s, from the start again after 2 quiet minutes (after client-go's reflector). */
export class ReflectorBackoff {
  private readonly random: Random;
  private ceilingMs = firstMs;
  private lastAt = Number.NEGATIVE_INFINITY;

  constructor(random: Random) {
    this.random = random;
  }

  /** Milliseconds to wait after a failure at `now`: between half and all of the ceiling, but for the first 0.8 s at least. */
  next(now: number): number {
    if (now - this.lastAt > resetAfterMs) this.ceilingMs = firstMs;
    this.ceilingMs = Math.min(maxMs, this.ceilingMs * 2);
    this.lastAt = now;
    return (this.ceilingMs / 2) * (1 + this.random());
  }
}
