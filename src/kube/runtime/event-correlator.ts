/** What a part of the program wants to say about an object. */
export type Happening = {
  /** Identifies the object, for example its UID. */
  readonly object: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
};

/** The Event that a happening becomes: the same `key` is the same Event, which counts up. */
export type Correlated = { readonly key: string; readonly message: string; readonly count: number; readonly firstAt: number };

// client-go tools/record/events_cache.go
const similarWindowMs = 600_000;
const maxSimilar = 10;
const burst = 25;
const refillMs = 300_000;
const maxRemembered = 4096;

/** Keeps a noisy object from flooding the API server: repeats count up, many similar messages become one, one object may say so much only. Times are in milliseconds. */
export class EventCorrelator {
  private readonly similar = new Map<string, { readonly messages: Set<string>; lastAt: number }>();
  private readonly budgets = new Map<string, { tokens: number; filledAt: number }>();
  private readonly seen = new Map<string, Correlated>();

  /** Undefined when the object has said too much. */
  correlate(happening: Happening, now: number): Correlated | undefined {
    const group = JSON.stringify([happening.object, happening.type, happening.reason]);
    const combined = this.countSimilar(group, happening.message, now) >= maxSimilar;
    if (!this.spend(happening.object, now)) return undefined;
    const key = combined ? group : JSON.stringify([group, happening.message]);
    const before = this.seen.get(key);
    const correlated: Correlated = {
      key,
      message: combined ? `(combined from similar events): ${happening.message}` : happening.message,
      count: (before?.count ?? 0) + 1,
      firstAt: before?.firstAt ?? now,
    };
    remember(this.seen, key, correlated);
    return correlated;
  }

  private countSimilar(group: string, message: string, now: number): number {
    const known = this.similar.get(group);
    const entry = known && now - known.lastAt <= similarWindowMs ? known : { messages: new Set<string>(), lastAt: now };
    entry.lastAt = now;
    if (entry.messages.size < maxSimilar) entry.messages.add(message);
    remember(this.similar, group, entry);
    return entry.messages.size;
  }

  private spend(object: string, now: number): boolean {
    const budget = this.budgets.get(object) ?? { tokens: burst, filledAt: now };
    budget.tokens = Math.min(burst, budget.tokens + (now - budget.filledAt) / refillMs);
    budget.filledAt = now;
    remember(this.budgets, object, budget);
    if (budget.tokens < 1) return false;
    budget.tokens -= 1;
    return true;
  }
}

/** Sets the entry as the newest and drops the oldest beyond the limit. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next().value;
  if (map.size > maxRemembered && oldest !== undefined) map.delete(oldest);
}
