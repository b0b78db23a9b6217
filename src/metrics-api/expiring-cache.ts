import type { Clock } from '../core/clock.ts';

type ExpiringCacheOptions = {
  readonly clock: Clock;
  readonly ttlMs: number;
  /** The most answers to keep; the oldest go first. */
  readonly limit: number;
};

type Entry<V> = { readonly answer: Promise<V>; readonly until: number };

/** Answers kept for a while: each is asked for once, also by many at the same time. Failures are not kept. */
export class ExpiringCache<V> {
  private readonly options: ExpiringCacheOptions;
  private readonly entries = new Map<string, Entry<V>>();

  constructor(options: ExpiringCacheOptions) {
    this.options = options;
  }

  get(key: string, ask: () => Promise<V>): Promise<V> {
    const { clock, ttlMs, limit } = this.options;
    const known = this.entries.get(key);
    if (known && clock.now() < known.until) return known.answer;
    this.entries.delete(key);
    const [oldest] = this.entries.keys();
    if (this.entries.size >= limit && oldest !== undefined) this.entries.delete(oldest);
    const entry = { answer: ask(), until: clock.now() + ttlMs };
    this.entries.set(key, entry);
    entry.answer.catch(() => {
      if (this.entries.get(key) === entry) this.entries.delete(key);
    });
    return entry.answer;
  }
}
