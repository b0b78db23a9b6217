import { type KubeObject, keyOf } from '../client/types.ts';
import { type Change, changesBetween } from './changes.ts';
import { ingest } from './freeze.ts';

/** The values under which an index files an object; none leaves it out. */
export type Indexer<T extends KubeObject> = (object: T) => readonly string[];

/** Read side of a cache. Objects are deeply frozen and carry no managedFields. Keys are `namespace/name`, or `name`. */
export type Store<T extends KubeObject> = {
  readonly size: number;
  get(key: string): T | undefined;
  list(): T[];
  keys(): string[];
  /** Throws a RangeError when no index has that name. */
  byIndex(name: string, value: string): T[];
};

/** What is kept of an object: readers never see the rest. Metadata must stay but for what nobody reads. */
export type Transform<T extends KubeObject> = (object: T) => T;

type Index<T extends KubeObject> = { readonly indexer: Indexer<T>; readonly entries: Map<string, Map<string, T>> };

/** The objects of one informer with their indexes. Writers get back what changed, in order. */
export class ObjectStore<T extends KubeObject> implements Store<T> {
  private readonly objects = new Map<string, T>();
  private readonly indexes = new Map<string, Index<T>>();
  private readonly transform: Transform<T>;

  constructor(transform: Transform<T> = (object) => object) {
    this.transform = transform;
  }

  get size(): number {
    return this.objects.size;
  }

  get(key: string): T | undefined {
    return this.objects.get(key);
  }

  list(): T[] {
    return [...this.objects.values()];
  }

  keys(): string[] {
    return [...this.objects.keys()];
  }

  byIndex(name: string, value: string): T[] {
    const index = this.indexes.get(name);
    if (!index) throw new RangeError(`the store has no index "${name}", only: ${[...this.indexes.keys()].join(', ') || 'none'}`);
    return [...(index.entries.get(value)?.values() ?? [])];
  }

  /** Adds an index over the present and future objects. Throws when the name is taken by another function. */
  addIndexer(name: string, indexer: Indexer<T>): void {
    const existing = this.indexes.get(name);
    if (existing?.indexer === indexer) return;
    if (existing) throw new Error(`the index "${name}" exists with another function`);
    const index: Index<T> = { indexer, entries: new Map() };
    for (const [key, object] of this.objects) file(index, key, object);
    this.indexes.set(name, index);
  }

  /** What the store keeps of an object, in the form in which it does. What it has made so already stays as it is. */
  keep(object: T): T {
    return Object.isFrozen(object) ? object : ingest(this.transform(object));
  }

  set(object: T): readonly Change<T>[] {
    return this.put(keyOf(object), this.keep(object));
  }

  /** Removes what the key names; the change carries `last`, the final state as the server told it, where it is known. */
  delete(key: string, last?: T): readonly Change<T>[] {
    const changes = this.put(key, undefined);
    return last && changes.length > 0 ? [{ type: 'delete', object: this.keep(last) }] : changes;
  }

  /** Makes the store hold exactly these objects: deletions first, so that a reader never counts too many. */
  replace(objects: readonly T[]): readonly Change<T>[] {
    const wanted = new Set(objects.map(keyOf));
    const gone = this.keys().filter((key) => !wanted.has(key));
    return [...gone.flatMap((key) => this.delete(key)), ...objects.flatMap((object) => this.set(object))];
  }

  private put(key: string, object: T | undefined): readonly Change<T>[] {
    const old = this.objects.get(key);
    const changes = changesBetween(old, object);
    if (changes.length === 0) return changes;
    for (const index of this.indexes.values()) {
      if (old) unfile(index, key, old);
      if (object) file(index, key, object);
    }
    if (object) this.objects.set(key, object);
    else this.objects.delete(key);
    return changes;
  }
}

function file<T extends KubeObject>(index: Index<T>, key: string, object: T): void {
  for (const value of index.indexer(object)) {
    const entries = index.entries.get(value) ?? new Map<string, T>();
    entries.set(key, object);
    index.entries.set(value, entries);
  }
}

function unfile<T extends KubeObject>(index: Index<T>, key: string, object: T): void {
  for (const value of index.indexer(object)) {
    const entries = index.entries.get(value);
    entries?.delete(key);
    if (entries?.size === 0) index.entries.delete(value);
  }
}
