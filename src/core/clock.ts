import { setTimeout as sleepFor } from 'node:timers/promises';

/** Time as a dependency, so that tests can move it. Instants are milliseconds since the Unix epoch. */
export type Clock = {
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      await sleepFor(ms, undefined, signal ? { signal } : {});
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/** A random number in [0, 1), as a dependency. */
export type Random = () => number;
