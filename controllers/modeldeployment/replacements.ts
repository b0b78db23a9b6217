import type { Clock } from '../../src/core/clock.ts';
import { ExponentialBackoff } from '../../src/kube/index.ts';
import type { Replica } from './replica.ts';

/**
 * Whether only another pod can take this one's place: its pod ended for good, its node is gone, or it has stopped getting on
 * although its worker runs, or hangs and does not notice. Before the worker runs another pod would wait for the same; a crash is for the kubelet.
 */
export function needsReplacement(replica: Replica): boolean {
  return !replica.leaving && (isGone(replica) || isStuck(replica) || replica.wedged);
}

/** Whether nothing runs any more in the pod of this replica. */
export function isGone({ finished, lost }: Replica): boolean {
  return finished || lost;
}

function isStuck({ phase, agent, ready }: Replica): boolean {
  return phase === 'Stalled' && agent !== undefined && !ready;
}

type Entry = {
  readonly revision: string;
  /** Broken replicas that are counted. */
  counted: ReadonlySet<string>;
  /** Replicas that were loaded when the last one broke: they prove nothing about the next. */
  loaded: ReadonlySet<string>;
  notBefore: number;
};

/**
 * Delays the replacement of broken replicas, for each deployment and its current revision: 10 s, doubling to 5 min.
 * Replicas that break during the delay are replaced with the others after it. A replica that has loaded since ends the delays.
 */
export class Replacements {
  private readonly backoff = new ExponentialBackoff(10_000, 300_000);
  private readonly entries = new Map<string, Entry>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Counts the replicas of the current revision that broke since the last call. */
  note(key: string, revision: string, replicas: readonly Replica[]): void {
    const current = replicas.filter((replica) => replica.revision === revision);
    const loaded = current.filter(({ ready }) => ready).map(({ uid }) => uid);
    const known = this.entries.get(key);
    if (known && (known.revision !== revision || loaded.some((uid) => !known.loaded.has(uid)))) this.forget(key);
    const broken = new Set(current.filter(needsReplacement).map(({ uid }) => uid));
    const entry = this.entries.get(key) ?? { revision, counted: new Set(), loaded: new Set(), notBefore: 0 };
    const isNews = [...broken].some((uid) => !entry.counted.has(uid));
    if (isNews) {
      entry.loaded = new Set(loaded);
      if (entry.notBefore <= this.clock.now()) entry.notBefore = this.clock.now() + this.backoff.delay(key);
      this.entries.set(key, entry);
    }
    entry.counted = broken;
  }

  /** How long broken replicas still wait for their replacement. */
  waitMs(key: string): number {
    return Math.max(0, (this.entries.get(key)?.notBefore ?? 0) - this.clock.now());
  }

  /** The deployment is gone, or wants no replica. */
  forget(key: string): void {
    this.backoff.forget(key);
    this.entries.delete(key);
  }
}
