import { type Clock, type Random, systemClock } from '../../core/clock.ts';
import { type Logger, silentLogger } from '../../core/logger.ts';
import { untilAborted } from '../abort.ts';
import type { Selection } from '../client/options.ts';
import { type KubeObject, keyOf, type ResourceType } from '../client/types.ts';
import type { Change } from './changes.ts';
import { type ListerWatcher, Reflector } from './reflector.ts';
import { type Indexer, ObjectStore, type Store, type Transform } from './store.ts';

/** Called in order and in line with the watch: enqueue a key and return. What it throws is logged and harms nobody else. */
export type Handler<T extends KubeObject> = {
  readonly add?: (object: T) => void;
  readonly update?: (object: T, old: T) => void;
  readonly delete?: (object: T) => void;
};

export type InformerOptions = {
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly logger?: Logger | undefined;
  readonly initial?: 'list' | 'watchList' | undefined;
  /** The longest silence of a watch in milliseconds. */
  readonly idleMs?: number | undefined;
};

/** A live copy of a selection of one type, shared by any number of handlers. */
export class Informer<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly store: Store<T>;
  private readonly objects: ObjectStore<T>;
  private readonly reflector: Reflector<T>;
  private readonly handlers = new Set<{ readonly handler: Handler<T> }>();
  private readonly logger: Logger;
  private readonly firstSync = Promise.withResolvers<void>();
  private isSynced = false;
  private running = false;

  constructor(
    client: ListerWatcher,
    type: ResourceType<T>,
    selection: Selection = {},
    options: InformerOptions = {},
    transform?: Transform<T>,
  ) {
    this.type = type;
    this.objects = new ObjectStore(transform);
    this.store = this.objects;
    this.logger = options.logger ?? silentLogger;
    this.reflector = new Reflector({
      client,
      type,
      selection,
      sink: {
        keep: (object) => this.objects.keep(object),
        replace: (objects) => {
          this.deliver(this.objects.replace(objects));
          this.isSynced = true;
          this.firstSync.resolve();
        },
        set: (object) => this.deliver(this.objects.set(object)),
        delete: (object) => this.deliver(this.objects.delete(keyOf(object), object)),
      },
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
      logger: this.logger,
      initial: options.initial ?? 'list',
      idleMs: options.idleMs,
    });
  }

  /** Whether the store has held the server's whole state once, and every handler has heard of it. */
  get hasSynced(): boolean {
    return this.isSynced;
  }

  /** Resolves with the first whole state; rejects with the signal's reason. */
  synced(signal: AbortSignal): Promise<void> {
    return untilAborted(this.firstSync.promise, signal);
  }

  /** Reads the whole state anew, at once: resolves when the store and every handler know what the server held at the call. */
  refresh(signal: AbortSignal): Promise<void> {
    return this.reflector.refresh(signal);
  }

  /** What this informer has not read yet, and why where that is known; undefined once it has synced. */
  get waitingFor(): string | undefined {
    if (this.isSynced) return undefined;
    const { group, plural } = this.type;
    const { problem } = this.reflector;
    const name = group === '' ? plural : `${plural}.${group}`;
    return problem === undefined ? name : `${name} (${problem instanceof Error ? problem.message : String(problem)})`;
  }

  /** Adds a handler, which first hears an `add` for every object that is known. Returns the function that removes it. */
  addHandler(handler: Handler<T>): () => void {
    // Wrapped, so that one handler may be added twice and removed once.
    const entry = { handler };
    for (const object of this.objects.list()) this.call(handler, { type: 'add', object });
    this.handlers.add(entry);
    return () => this.handlers.delete(entry);
  }

  /** Adds a named index. Throws when the name is taken by another function. */
  addIndexer(name: string, indexer: Indexer<T>): void {
    this.objects.addIndexer(name, indexer);
  }

  /** Follows the server until `signal` aborts. Throws when it runs already. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.running) throw new Error(`the informer of ${this.type.plural} runs already`);
    this.running = true;
    try {
      await this.reflector.run(signal);
    } finally {
      this.running = false;
    }
  }

  private deliver(changes: readonly Change<T>[]): void {
    for (const change of changes) for (const { handler } of [...this.handlers]) this.call(handler, change);
  }

  private call(handler: Handler<T>, change: Change<T>): void {
    try {
      if (change.type === 'update') handler.update?.(change.object, change.old);
      else handler[change.type]?.(change.object);
    } catch (error) {
      this.logger.error({ err: error, kind: this.type.kind, key: keyOf(change.object), change: change.type }, 'an informer handler threw');
    }
  }
}
