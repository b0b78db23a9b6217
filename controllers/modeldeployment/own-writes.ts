import type { Clock } from '../../src/core/clock.ts';
import { isAtLeastVersion, type KubeObject } from '../../src/kube/index.ts';

/** A cache that shows nothing of a write after this long never will: somebody undid it while the watch was cut. */
const expiryMs = 60_000;

type Entry<T> = { readonly uid: string; readonly version: string | undefined; readonly at: number; readonly object: T | undefined };

/** What the server answered to our own writes, until the cache shows it: so that nothing is written twice. Keys are those of the owner. */
export class OwnWrites<T extends KubeObject> {
  private readonly clock: Clock;
  private readonly entries = new Map<string, Map<string, Entry<T>>>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  written(key: string, object: T): void {
    const { name, uid = '', resourceVersion } = object.metadata;
    this.note(key, name, { uid, version: resourceVersion, at: this.clock.now(), object });
  }

  removed(key: string, { metadata: { name, uid = '', resourceVersion } }: T): void {
    this.note(key, name, { uid, version: resourceVersion, at: this.clock.now(), object: undefined });
  }

  /** The objects of an owner as they will be once the cache has caught up. */
  overlay(key: string, cached: readonly T[]): readonly T[] {
    const entries = this.entries.get(key);
    if (!entries) return cached;
    const shown = new Map(cached.map((object) => [object.metadata.name, object]));
    for (const [name, entry] of entries) {
      if (this.isOver(entry, shown.get(name))) entries.delete(name);
      else if (entry.object) shown.set(name, entry.object);
      else shown.delete(name);
    }
    if (entries.size === 0) this.entries.delete(key);
    return [...shown.values()];
  }

  /** In how many milliseconds a write is no longer waited for; undefined when none is. */
  expiresIn(key: string): number | undefined {
    const entries = this.entries.get(key);
    if (!entries) return undefined;
    return Math.max(1, Math.min(...[...entries.values()].map(({ at }) => at)) + expiryMs + 1 - this.clock.now());
  }

  /** The owner is gone. */
  forget(key: string): void {
    this.entries.delete(key);
  }

  private isOver({ uid, version, at, object }: Entry<T>, cached: T | undefined): boolean {
    if (this.clock.now() - at > expiryMs) return true;
    if (object === undefined) return cached?.metadata.uid !== uid;
    return cached !== undefined && isAtLeastVersion(cached.metadata.resourceVersion, version);
  }

  private note(key: string, name: string, entry: Entry<T>): void {
    const entries = this.entries.get(key) ?? new Map<string, Entry<T>>();
    entries.set(name, entry);
    this.entries.set(key, entries);
  }
}
