import type { Clock } from '../../src/core/clock.ts';
import { ExponentialBackoff } from '../../src/kube/index.ts';
import type { Seen } from './gather.ts';

/** Delays the replacement of pods that end for good again and again, for each deployment; a ready replica ends the delay. */
export class Replacements {
  private readonly backoff = new ExponentialBackoff(1_000, 300_000);
  private readonly counted = new Map<string, { readonly uids: Set<string>; notBefore: number; revision: string | undefined }>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  note(key: string, { replicas, revision }: Seen): void {
    const ended = replicas.filter(({ finished }) => finished);
    const known = this.counted.get(key);
    if (known && (known.revision !== revision || (replicas.length > 0 && replicas.every(({ ready }) => ready)))) this.forget(key);
    for (const { uid } of ended) {
      const entry = this.counted.get(key) ?? { uids: new Set<string>(), notBefore: 0, revision };
      if (entry.uids.has(uid)) continue;
      entry.uids.add(uid);
      entry.notBefore = this.clock.now() + this.backoff.delay(key);
      this.counted.set(key, entry);
    }
  }

  waitMs(key: string): number {
    return Math.max(0, (this.counted.get(key)?.notBefore ?? 0) - this.clock.now());
  }

  forget(key: string): void {
    this.backoff.forget(key);
    this.counted.delete(key);
  }
}
