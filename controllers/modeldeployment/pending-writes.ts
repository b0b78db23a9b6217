import type { Clock } from '../../src/core/clock.ts';
import { isAtLeastVersion, type Pod } from '../../src/kube/index.ts';

/** A write that the cache has not shown after this long never will: it was undone while the watch was cut (client-go waits as long). */
const expiryMs = 5 * 60_000;
/** A pod may come and go before the answer to its creation is here; no answer takes longer. */
const rememberGoneMs = 60_000;

type Entry = {
  readonly created: Map<string, { readonly pod: Pod; readonly at: number }>;
  readonly patched: Map<string, { readonly pod: Pod; readonly at: number }>;
  readonly deleted: Map<string, number>;
  /** Names of pods whose creation had no answer. */
  readonly uncertain: Set<string>;
};

/**
 * Our own writes that the cache does not show yet. `overlay` adds them to what the cache has, so that a plan made
 * in between neither creates a replica twice nor counts on one that it has ended. Keys are `namespace/name` of the owner.
 */
export class PendingWrites {
  private readonly entries = new Map<string, Entry>();
  /** UID -> when it went, oldest first. */
  private readonly recentlyGone = new Map<string, number>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  created(key: string, pod: Pod): void {
    const entry = this.entry(key);
    entry.uncertain.delete(pod.metadata.name);
    if (pod.metadata.uid && !this.recentlyGone.has(pod.metadata.uid)) entry.created.set(pod.metadata.uid, { pod, at: this.clock.now() });
  }

  /** A pod was changed; `pod` is what the server stored. */
  patched(key: string, pod: Pod): void {
    if (pod.metadata.uid && !this.recentlyGone.has(pod.metadata.uid)) {
      this.entry(key).patched.set(pod.metadata.uid, { pod, at: this.clock.now() });
    }
  }

  /** A pod was deleted, or found to be. */
  deleted(key: string, uid: string): void {
    if (!this.recentlyGone.has(uid)) this.entry(key).deleted.set(uid, this.clock.now());
  }

  /** A creation had no answer: the next one must use this name again, so that it cannot be a second pod. */
  uncertain(key: string, name: string): void {
    this.entry(key).uncertain.add(name);
  }

  /** A name whose creation had no answer, given out once; undefined when there is none. */
  takeUncertain(key: string): string | undefined {
    const [name] = this.entries.get(key)?.uncertain ?? [];
    if (name !== undefined) this.entries.get(key)?.uncertain.delete(name);
    return name;
  }

  /** The pod is gone for good: told by the informer, also for pods that the cache had only for a moment. */
  gone(key: string, uid: string): void {
    const now = this.clock.now();
    this.recentlyGone.set(uid, now);
    for (const [old, at] of this.recentlyGone) {
      if (now - at < rememberGoneMs) break;
      this.recentlyGone.delete(old);
    }
    const entry = this.entries.get(key);
    entry?.created.delete(uid);
    entry?.patched.delete(uid);
    entry?.deleted.delete(uid);
    this.dropIfEmpty(key);
  }

  /** The pods of an owner as they will be once the cache has caught up. */
  overlay(key: string, cached: readonly Pod[]): readonly Pod[] {
    const entry = this.entries.get(key);
    if (!entry) return cached;
    const seen = new Map(cached.map((pod) => [pod.metadata.uid ?? '', pod]));
    const oldest = this.clock.now() - expiryMs;
    for (const [uid, { at }] of entry.created) if (seen.has(uid) || at < oldest) entry.created.delete(uid);
    for (const [uid, { pod, at }] of entry.patched) if (at < oldest || !isNewer(pod, seen, entry)) entry.patched.delete(uid);
    const unseen = [...entry.created.values()].map(({ pod }) => pod);
    for (const [uid, at] of entry.deleted) {
      const pod = seen.get(uid) ?? entry.created.get(uid)?.pod;
      if (!pod || pod.metadata.deletionTimestamp || at < oldest) entry.deleted.delete(uid);
    }
    for (const pod of cached) entry.uncertain.delete(pod.metadata.name);
    const pods = [...cached, ...unseen].map((pod) => {
      const uid = pod.metadata.uid ?? '';
      const newest = entry.patched.get(uid)?.pod ?? pod;
      return entry.deleted.has(uid) ? asDeleted(newest, this.clock.now()) : newest;
    });
    this.dropIfEmpty(key);
    return pods;
  }

  /** In how many milliseconds something here expires; undefined when nothing is pending. */
  expiresIn(key: string): number | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    const instants = [...[...entry.created.values(), ...entry.patched.values()].map(({ at }) => at), ...entry.deleted.values()];
    return instants.length === 0 ? undefined : Math.max(1, Math.min(...instants) + expiryMs + 1 - this.clock.now());
  }

  /** The owner is gone. */
  forget(key: string): void {
    this.entries.delete(key);
  }

  private entry(key: string): Entry {
    const existing = this.entries.get(key);
    if (existing) return existing;
    const entry: Entry = { created: new Map(), patched: new Map(), deleted: new Map(), uncertain: new Set() };
    this.entries.set(key, entry);
    return entry;
  }

  private dropIfEmpty(key: string): void {
    const entry = this.entries.get(key);
    if (entry && entry.created.size + entry.patched.size + entry.deleted.size + entry.uncertain.size === 0) this.entries.delete(key);
  }
}

/** Whether the cache is behind this answer to a patch. */
function isNewer({ metadata: { uid = '', resourceVersion } }: Pod, seen: ReadonlyMap<string, Pod>, { created }: Entry): boolean {
  const cached = seen.get(uid);
  return cached ? !isAtLeastVersion(cached.metadata.resourceVersion, resourceVersion) : created.has(uid);
}

function asDeleted(pod: Pod, now: number): Pod {
  return pod.metadata.deletionTimestamp ? pod : { ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date(now).toISOString() } };
}
