import { aborted } from '../abort.ts';
import type { Selection } from '../client/options.ts';
import { apiVersionOf, type KubeObject, type ResourceType } from '../client/types.ts';
import { Informer, type InformerOptions } from './informer.ts';
import type { ListerWatcher } from './reflector.ts';
import type { Indexer, Transform } from './store.ts';

export type InformerRequest<T extends KubeObject> = Selection & {
  readonly indexers?: Readonly<Record<string, Indexer<T>>> | undefined;
  /** Keeps a part of each object, for kinds of which there are thousands. Who asks with another function has another informer. */
  readonly transform?: Transform<T> | undefined;
  /** What the first decisions need not: it is read when all else has been, so that the server's time goes to that first. */
  readonly late?: boolean | undefined;
};

/** One informer for each type and selection, shared by all who ask. */
export class InformerCache {
  readonly name = 'cache';
  private readonly client: ListerWatcher;
  private readonly options: InformerOptions;
  private readonly informers = new Map<string, Informer<KubeObject>>();
  private readonly late = new Set<Informer<KubeObject>>();
  private readonly transforms = new Map<unknown, number>();
  private readonly tasks = new Map<Informer<KubeObject>, Promise<void>>();
  private signal: AbortSignal | undefined;

  constructor(client: ListerWatcher, options: InformerOptions = {}) {
    this.client = client;
    this.options = options;
  }

  /** The informer of a selection, made on first use; it starts with the cache, or at once when that runs. It is late only where all who ask say so. */
  informer<T extends KubeObject>(type: ResourceType<T>, request: InformerRequest<T> = {}): Informer<T> {
    const { indexers = {}, transform, late = false, ...selection } = request;
    const { namespace, labelSelector, fieldSelector } = selection;
    const key = JSON.stringify([apiVersionOf(type), type.plural, namespace, labelSelector, fieldSelector, this.numberOf(transform)]);
    // The key holds the type, so what is filed under it was made with the same one.
    const existing = this.informers.get(key) as Informer<T> | undefined;
    const informer = existing ?? new Informer(this.client, type, selection, this.options, transform);
    for (const [name, indexer] of Object.entries(indexers)) informer.addIndexer(name, indexer);
    const shared = informer as unknown as Informer<KubeObject>;
    if (!late) this.late.delete(shared);
    else if (!existing && !this.signal) this.late.add(shared);
    this.informers.set(key, shared);
    if (this.signal && !this.late.has(shared)) this.launch(shared, this.signal);
    return informer;
  }

  /** Whether every informer has synced, but for those that are late. */
  get hasSynced(): boolean {
    return this.prompt.every((informer) => informer.hasSynced);
  }

  /** Resolves when every informer asked for so far has synced, but for those that are late; rejects with the signal's reason. */
  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.prompt.map((informer) => informer.synced(signal)));
  }

  /** Reads everything anew, at once, so that the cache knows all that was written before the call. Rejects with the signal's reason. */
  async refresh(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.informers.values()].map((informer) => informer.refresh(signal)));
  }

  /** What has not been read yet, and why where that is known: for people. Empty once everything has synced. */
  get waitingFor(): readonly string[] {
    return [...this.informers.values()].flatMap((informer) => informer.waitingFor ?? []);
  }

  /** Runs every informer, those asked for later too, until `signal` aborts. Throws when it runs already. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.signal) throw new Error('the informer cache runs already');
    this.signal = signal;
    for (const informer of this.prompt) this.launch(informer, signal);
    await this.synced(signal).catch(() => {}); // aborted
    for (const informer of this.late) this.launch(informer, signal);
    await aborted(signal);
    await Promise.all(this.tasks.values());
    this.signal = undefined;
  }

  private get prompt(): readonly Informer<KubeObject>[] {
    return [...this.informers.values()].filter((informer) => !this.late.has(informer));
  }

  private numberOf(transform: unknown): number {
    const known = this.transforms.get(transform) ?? this.transforms.size;
    this.transforms.set(transform, known);
    return known;
  }

  private launch(informer: Informer<KubeObject>, signal: AbortSignal): void {
    if (this.tasks.has(informer)) return;
    this.tasks.set(
      informer,
      informer.run(signal).finally(() => this.tasks.delete(informer)),
    );
  }
}
