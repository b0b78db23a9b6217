import type { JsonObject } from '../../../core/json.ts';

/** One committed change of one resource. `object` of a deletion is its last state at the revision of the deletion. */
export type StoreEvent = {
  readonly rv: number;
  readonly key: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: JsonObject;
  readonly previous?: JsonObject;
};

/** The last changes of one resource, in order. Everything after `floor` is known; what came before is forgotten. */
export class History {
  private readonly capacity: number;
  private events: StoreEvent[] = [];
  private oldest: number;

  constructor(capacity: number, floor: number) {
    this.capacity = capacity;
    this.oldest = floor;
  }

  get floor(): number {
    return this.oldest;
  }

  push(event: StoreEvent): void {
    this.events.push(event);
    // Trims a quarter at a time, so that a push is cheap on average.
    if (this.events.length > this.capacity * 1.25) {
      const excess = this.events.length - this.capacity;
      this.oldest = this.events[excess - 1]?.rv ?? this.oldest;
      this.events = this.events.slice(excess);
    }
  }

  /** The changes after revision `rv`, oldest first; undefined when some of them are forgotten. */
  since(rv: number): readonly StoreEvent[] | undefined {
    if (rv < this.oldest) return undefined;
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle]?.rv ?? 0) > rv) high = middle;
      else low = middle + 1;
    }
    return low === this.events.length ? none : this.events.slice(low);
  }

  /** Forgets everything up to `rv`: what compaction of etcd does. */
  forget(rv: number): void {
    this.events = this.events.filter((event) => event.rv > rv);
    this.oldest = Math.max(this.oldest, rv);
  }
}

const none: readonly StoreEvent[] = [];
