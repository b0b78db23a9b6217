import type { Clock } from './clock.ts';

type Sleeper = { readonly due: number; wake(): void };

/** A clock for tests: time stands still until `advance` moves it, waking sleepers in the order they are due. */
export class FakeClock implements Clock {
  private readonly sleepers = new Set<Sleeper>();
  private instant: number;

  constructor(startAt = Date.UTC(2026, 0, 1)) {
    this.instant = startAt;
  }

  now(): number {
    return this.instant;
  }

  /** How many sleeps are pending: lets a test wait until the code under test has gone to sleep. */
  get sleeping(): number {
    return this.sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        due: this.instant + ms,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async advance(ms: number): Promise<void> {
    const target = this.instant + ms;
    for (;;) {
      const next = [...this.sleepers].filter((sleeper) => sleeper.due <= target).sort((a, b) => a.due - b.due)[0];
      if (!next) break;
      this.instant = Math.max(this.instant, next.due);
      this.sleepers.delete(next);
      next.wake();
      await new Promise(setImmediate);
    }
    this.instant = target;
  }
}
