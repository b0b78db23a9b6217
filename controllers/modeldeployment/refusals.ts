import type { Clock } from '../../src/core/clock.ts';
import type { Failure } from '../../src/core/failure.ts';
import { ExponentialBackoff } from '../../src/kube/index.ts';

type Entry = { readonly situation: string; readonly failure: Failure; readonly notBefore: number };

/**
 * Remembers why replicas of a deployment are refused and when to try again: more and more rarely while nothing changes,
 * at once when the situation does.
 */
export class Refusals {
  private readonly backoff = new ExponentialBackoff(1_000, 120_000);
  private readonly entries = new Map<string, Entry>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Notes a refusal. Answers whether it is news. */
  note(key: string, situation: string, failure: Failure): boolean {
    const before = this.current(key, situation);
    this.entries.set(key, { situation, failure, notBefore: this.clock.now() + this.backoff.delay(key) });
    return before?.message !== failure.message;
  }

  /** The refusal that holds in this situation; one of another situation is forgotten. */
  current(key: string, situation: string): Failure | undefined {
    const entry = this.entries.get(key);
    if (entry && entry.situation !== situation) this.forget(key);
    return entry?.situation === situation ? entry.failure : undefined;
  }

  /** Whether it is too early to try again. */
  holds(key: string, situation: string): boolean {
    return this.current(key, situation) !== undefined && this.waitMs(key) > 0;
  }

  waitMs(key: string): number {
    return Math.max(0, (this.entries.get(key)?.notBefore ?? 0) - this.clock.now());
  }

  /** Nothing is refused any more. */
  forget(key: string): void {
    this.backoff.forget(key);
    this.entries.delete(key);
  }
}
