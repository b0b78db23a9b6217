import { describeError } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import { type InformerCache, type KubeObject, type ResourceType, refKey } from '../kube/index.ts';
import type { Place } from './place.ts';

type WatchedOptions<T extends KubeObject, V> = {
  readonly cache: InformerCache;
  readonly type: ResourceType<T>;
  readonly ref: Place;
  /** Undefined, or an error, for an object that cannot be used. */
  readonly read: (object: T) => V | undefined;
  readonly onChange: () => void;
  readonly logger: Logger;
};

/** The last good reading of one object that others write. While the object is gone or bad, what was read before stays. */
export class Watched<T extends KubeObject, V> {
  private readonly options: WatchedOptions<T, V>;
  private current: V | undefined;

  constructor(options: WatchedOptions<T, V>) {
    this.options = options;
    const { cache, type, ref } = options;
    const selection = { namespace: ref.namespace, fieldSelector: `metadata.name=${ref.name}` };
    const look = (object: T) => this.look(object);
    cache.informer(type, selection).addHandler({ add: look, update: look });
  }

  get value(): V | undefined {
    return this.current;
  }

  /** What it is, for people. */
  get name(): string {
    return `${this.options.type.kind} ${refKey(this.options.ref)}`;
  }

  private look(object: T): void {
    const { read, onChange, logger } = this.options;
    try {
      const next = read(object);
      if (next !== undefined) {
        this.current = next;
        onChange();
      } else if (this.current === undefined) logger.info(`${this.name} does not hold yet what is looked for`);
      else logger.error(`${this.name} no longer holds what is looked for: what was read before stays`);
    } catch (error) {
      logger.error({ err: error }, `${this.name} cannot be used (${describeError(error)}): what was read before stays`);
    }
  }
}
