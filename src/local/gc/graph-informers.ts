import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { Informer, type KubeClient, type KubeObject, type ResourceType } from '../../kube/index.ts';
import { resourceKey, sameType } from './discovery.ts';

type Watched = { readonly type: ResourceType; readonly informer: Informer<KubeObject>; stop(): Promise<void> };

export type GraphListener = {
  changed(type: ResourceType, object: KubeObject): void;
  deleted(type: ResourceType, object: KubeObject): void;
};

/** Follows the objects of every kind that is served. Kinds come and go; what was known of one that goes is told as deleted. */
export class GraphInformers {
  private readonly client: KubeClient;
  private readonly listener: GraphListener;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly watched = new Map<string, Watched>();

  constructor(options: { client: KubeClient; listener: GraphListener; clock: Clock; logger: Logger }) {
    this.client = options.client;
    this.listener = options.listener;
    this.clock = options.clock;
    this.logger = options.logger;
  }

  /** Whether everything that is followed is known. Until then an absent dependent proves nothing. */
  get synced(): boolean {
    return [...this.watched.values()].every(({ informer }) => informer.hasSynced);
  }

  get types(): ResourceType[] {
    return [...this.watched.values()].map(({ type }) => type);
  }

  /** Follows exactly these kinds from now on. */
  async follow(types: readonly ResourceType[]): Promise<void> {
    const gone = [...this.watched.values()].filter(({ type }) => !types.some((wanted) => sameType(type, wanted)));
    await Promise.all(gone.map((one) => this.forget(one)));
    for (const type of types) if (!this.watched.has(resourceKey(type))) this.start(type);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.watched.values()].map((one) => one.stop()));
    this.watched.clear();
  }

  private start(type: ResourceType): void {
    const informer = new Informer<KubeObject>(this.client, type, {}, { clock: this.clock, logger: this.logger });
    informer.addHandler({
      add: (object) => this.listener.changed(type, object),
      update: (object) => this.listener.changed(type, object),
      delete: (object) => this.listener.deleted(type, object),
    });
    const stop = new AbortController();
    const ended = informer.run(stop.signal).catch((error: unknown) => {
      if (!stop.signal.aborted) this.logger.error({ err: error, kind: type.kind }, 'following a kind failed');
    });
    this.watched.set(resourceKey(type), {
      type,
      informer,
      stop: () => {
        stop.abort();
        return ended;
      },
    });
  }

  private async forget(one: Watched): Promise<void> {
    this.watched.delete(resourceKey(one.type));
    await one.stop();
    for (const object of one.informer.store.list()) this.listener.deleted(one.type, object);
  }
}
