import type { JsonObject } from '../../../core/json.ts';
import type { Logger } from '../../../core/logger.ts';
import { freezeJson, revisionOf, withMetadata } from '../object.ts';
import { History, type StoreEvent } from './history.ts';
import { Journal, type JournalRecord, type OpenJournalFile } from './journal.ts';

/** What a write decides to do, having seen the current object. */
export type Mutation =
  | { readonly op: 'put'; readonly object: JsonObject }
  /** `last` is the state that the DELETED event shows, when it is not the stored one. */
  | { readonly op: 'delete'; readonly last?: JsonObject }
  | { readonly op: 'none' };

/** The journal could not take a write; nothing was stored. */
export class StorageError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'StorageError';
  }

  get diskFull(): boolean {
    return this.cause instanceof Error && 'code' in this.cause && (this.cause.code === 'ENOSPC' || this.cause.code === 'EDQUOT');
  }
}

type Table = { readonly items: Map<string, JsonObject>; sorted: readonly string[] | undefined; readonly history: History };

type PendingWrite = {
  readonly record: JournalRecord;
  readonly event: StoreEvent;
  readonly resource: string;
  readonly done: PromiseWithResolvers<void>;
};

export type StoreOptions = {
  readonly path: string;
  readonly logger: Logger;
  /** Changes kept for each resource, for watches that resume and lists that go on. */
  readonly historySize?: number;
  /** How to open the journal's file. */
  readonly openFile?: OpenJournalFile;
};

/**
 * All objects, by resource (`group/plural`) and key (`namespace/name` or `name`), with one revision counter.
 * Readers see only what is on disk; writers see what is being written too, so that they never overwrite each other.
 * Objects are frozen.
 */
export class Store {
  private readonly journal: Journal;
  private readonly logger: Logger;
  private readonly historySize: number;
  private readonly tables = new Map<string, Table>();
  private readonly listeners = new Map<string, Set<() => void>>();
  /** The newest state of keys whose write is not on disk yet. */
  private readonly unsettled = new Map<string, PendingWrite>();
  private readonly baseRevision: number;
  private queue: PendingWrite[] = [];
  private flushing: Promise<void> | undefined;
  private committed: number;
  private assigned: number;
  private closed = false;

  private constructor(journal: Journal, baseRevision: number, options: StoreOptions) {
    this.journal = journal;
    this.logger = options.logger;
    this.historySize = options.historySize ?? 4096;
    this.baseRevision = baseRevision;
    this.committed = baseRevision;
    this.assigned = baseRevision;
  }

  /** Opens the journal at `path` and replays it. */
  static async open(options: StoreOptions): Promise<Store> {
    const { journal, contents } = await Journal.open(options.path, options.openFile);
    const store = new Store(journal, contents.baseRevision, options);
    for (const record of contents.records) store.replay(record);
    store.assigned = store.committed;
    return store;
  }

  /** The revision that every reader sees. */
  get revision(): number {
    return this.committed;
  }

  get(resource: string, key: string): JsonObject | undefined {
    return this.tables.get(resource)?.items.get(key);
  }

  /** Every object of the resource, ordered by key. */
  list(resource: string): readonly JsonObject[] {
    const table = this.table(resource);
    table.sorted ??= [...table.items.keys()].sort();
    return table.sorted.map((key) => table.items.get(key)).filter((object) => object !== undefined);
  }

  /** The same as it was at revision `rv`; undefined when the history does not reach back so far. */
  listAt(resource: string, rv: number): readonly JsonObject[] | undefined {
    if (rv === this.committed) return this.list(resource);
    const table = this.table(resource);
    const later = table.history.since(rv);
    if (!later) return undefined;
    const items = new Map(table.items);
    for (const event of [...later].reverse()) {
      if (event.previous) items.set(event.key, event.previous);
      else items.delete(event.key);
    }
    return [...items.keys()]
      .sort()
      .map((key) => items.get(key))
      .filter((object) => object !== undefined);
  }

  /** The oldest revision from which changes of the resource are known. */
  floor(resource: string): number {
    return this.table(resource).history.floor;
  }

  /** The changes after `rv`; undefined when some are forgotten. */
  eventsSince(resource: string, rv: number): readonly StoreEvent[] | undefined {
    return this.table(resource).history.since(rv);
  }

  /** Forgets the history of a resource, so that older revisions answer 410. */
  forgetHistory(resource: string): void {
    this.table(resource).history.forget(this.committed);
  }

  /** Calls `listener` after each commit that changed the resource. Returns how to stop. */
  subscribe(resource: string, listener: () => void): () => void {
    const listeners = this.listeners.get(resource) ?? new Set();
    this.listeners.set(resource, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /**
   * Changes one object: `mutate` sees its newest state and decides at once. Resolves when the change is on disk, with the object
   * as stored (of a deletion: its last state). Rejects with what `mutate` throws, or {@link StorageError} and nothing stored.
   */
  async write(resource: string, key: string, mutate: (current: JsonObject | undefined) => Mutation): Promise<JsonObject | undefined> {
    if (this.closed) throw new StorageError(new Error('the store is closed'));
    const pending = this.unsettled.get(`${resource} ${key}`);
    const current = pending ? liveState(pending) : this.get(resource, key);
    const mutation = mutate(current);
    if (mutation.op === 'none' || (mutation.op === 'delete' && !current)) {
      // What the caller saw may still be on its way to disk: only then may it be acknowledged.
      await pending?.done.promise;
      return current;
    }
    const rv = ++this.assigned;
    const source = mutation.op === 'put' ? mutation.object : (mutation.last ?? current ?? {});
    const object = freezeJson(withMetadata(source, { resourceVersion: String(rv) }));
    const type = mutation.op === 'delete' ? 'DELETED' : current ? 'MODIFIED' : 'ADDED';
    const write: PendingWrite = {
      resource,
      record: mutation.op === 'delete' ? { op: 'delete', rv, resource, key } : { op: 'put', rv, resource, key, object },
      event: { rv, key, type, object, ...(current ? { previous: current } : {}) },
      done: Promise.withResolvers<void>(),
    };
    this.unsettled.set(`${resource} ${key}`, write);
    this.queue.push(write);
    this.flushing ??= this.flush().finally(() => {
      this.flushing = undefined;
    });
    await write.done.promise;
    return object;
  }

  /** Finishes the writes under way and closes the journal. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.flushing;
    await this.journal.close();
  }

  /** Group commit: while one batch is being synced, the next one gathers. */
  private async flush(): Promise<void> {
    // One turn of the event loop, so that requests that arrived together share a sync.
    await new Promise(setImmediate);
    while (this.queue.length > 0) {
      const batch = this.queue;
      this.queue = [];
      try {
        await this.journal.append(batch.map((write) => write.record));
      } catch (error) {
        this.abandon(batch, error);
        continue;
      }
      const changed = new Set<string>();
      for (const write of batch) {
        this.commit(write.resource, write.event);
        changed.add(write.resource);
        const slot = `${write.resource} ${write.event.key}`;
        if (this.unsettled.get(slot) === write) this.unsettled.delete(slot);
      }
      for (const resource of changed) for (const listener of this.listeners.get(resource) ?? []) listener();
      for (const write of batch) write.done.resolve();
      if (this.journal.wantsCompaction) await this.compact();
    }
  }

  /** A lost batch takes the writes behind it along: they were decided on top of it. */
  private abandon(batch: readonly PendingWrite[], error: unknown): void {
    this.logger.error({ err: error }, 'the journal refused a write');
    const lost = [...batch, ...this.queue];
    this.queue = [];
    this.unsettled.clear();
    for (const write of lost) write.done.reject(new StorageError(error));
  }

  private async compact(): Promise<void> {
    try {
      await this.journal.compact(this.committed, this.liveRecords());
    } catch (error) {
      this.logger.warn({ err: error }, 'the journal could not be compacted; it goes on growing');
    }
  }

  private *liveRecords(): Generator<JournalRecord> {
    for (const [resource, table] of this.tables) {
      for (const [key, object] of table.items) {
        yield { op: 'put', rv: revisionOf(object), resource, key, object };
      }
    }
  }

  private replay(record: JournalRecord): void {
    const previous = this.get(record.resource, record.key);
    if (record.op === 'delete' && !previous) return;
    const object =
      record.op === 'put' ? freezeJson(record.object) : freezeJson(withMetadata(previous ?? {}, { resourceVersion: String(record.rv) }));
    const type = record.op === 'delete' ? 'DELETED' : previous ? 'MODIFIED' : 'ADDED';
    this.commit(record.resource, { rv: record.rv, key: record.key, type, object, ...(previous ? { previous } : {}) });
  }

  private commit(resource: string, event: StoreEvent): void {
    const table = this.table(resource);
    if (event.type === 'DELETED') table.items.delete(event.key);
    else table.items.set(event.key, event.object);
    if (event.type !== 'MODIFIED') table.sorted = undefined;
    this.committed = Math.max(this.committed, event.rv);
    // Records of a snapshot lack what they replaced: they are state, not history.
    if (event.rv > this.baseRevision) table.history.push(event);
  }

  private table(resource: string): Table {
    let table = this.tables.get(resource);
    if (!table) {
      table = { items: new Map(), sorted: undefined, history: new History(this.historySize, this.baseRevision) };
      this.tables.set(resource, table);
    }
    return table;
  }
}

function liveState(write: PendingWrite): JsonObject | undefined {
  return write.event.type === 'DELETED' ? undefined : write.event.object;
}
