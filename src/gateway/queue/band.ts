import { TokenCounter, type Waiter } from './token-counter.ts';

/** Counters that are kept before it is worth looking for those that can be forgotten. */
const sweepFrom = 64;

/** Whether waiting is measured in requests or in their tokens. */
export type Measure = 'requests' | 'tokens';

/**
 * Those of one priority. Their tenants share what the band gets by weighed tokens served: the virtual token counter of
 * arXiv 2401.00588, algorithm 2. A tenant that comes back begins with the smallest counter of those who wait, so that idleness earns nothing.
 */
export class Band<W extends Waiter> {
  readonly priority: number;
  size = 0;
  tokens = 0;
  /** Slots that went to higher bands since the last one of this. */
  passedOver = 0;
  private running = 0;
  private readonly counters = new Map<string, TokenCounter<W>>();
  /** Counters that have somebody who waits, longest so first. */
  private readonly backlogged = new Set<TokenCounter<W>>();
  /** Whose request left the queue last. */
  private lastLeft: TokenCounter<W> | undefined;
  private sweepAt = sweepFrom;

  constructor(priority: number) {
    this.priority = priority;
  }

  enter(waiter: W): void {
    const counter = this.lifted(waiter);
    if (this.size === 0) this.passedOver = 0;
    counter.waiting.add(waiter);
    counter.waitingTokens += waiter.tokens;
    this.backlogged.add(counter);
    this.size += 1;
    this.tokens += waiter.tokens;
  }

  /** Takes out whoever gives up; false when it does not wait here. */
  remove(waiter: W): boolean {
    const counter = this.counters.get(waiter.tenant);
    if (!counter?.waiting.delete(waiter)) return false;
    counter.waitingTokens -= waiter.tokens;
    this.size -= 1;
    this.tokens -= waiter.tokens;
    if (counter.waiting.size === 0) this.backlogged.delete(counter);
    this.lastLeft = counter;
    return true;
  }

  /** The longest waiting request of the tenant that has been served least. */
  next(): W | undefined {
    const counter = this.leastServed();
    if (!counter) return undefined;
    for (const waiter of counter.waiting) return waiter;
    return undefined;
  }

  /** A request runs, whether it waited or came to a free slot. */
  serve(waiter: W): TokenCounter<W> {
    const counter = this.size > 0 && this.remove(waiter) ? this.open(waiter) : this.lifted(waiter);
    this.lastLeft = counter;
    counter.running += 1;
    this.running += 1;
    return counter;
  }

  /** A request that was served no longer runs. */
  finish(counter: TokenCounter<W>): void {
    counter.running -= 1;
    this.running -= 1;
    this.sweep();
  }

  /** How much a tenant has waiting for its weight. */
  share({ tenant, weight }: Waiter, measure: Measure): number {
    const counter = this.counters.get(tenant);
    return counter ? loadOf(counter, measure) / weight : 0;
  }

  /** The newest request of the tenant that has most waiting for its weight, if that is more than `least`. */
  newestOfGreatest(measure: Measure, least: number): W | undefined {
    let greatest: TokenCounter<W> | undefined;
    let most = least;
    for (const counter of this.backlogged) {
      const load = loadOf(counter, measure) / counter.weight;
      if (load > most) {
        most = load;
        greatest = counter;
      }
    }
    let newest: W | undefined;
    for (const waiter of greatest?.waiting ?? []) newest = waiter;
    return newest;
  }

  /** How many of this band are served until one more request of this tenant is, itself included, if all requests are alike. */
  position({ tenant, weight }: Waiter): number {
    const own = this.counters.get(tenant);
    let weights = own?.waiting.size ? 0 : weight;
    for (const counter of this.backlogged) weights += counter.weight;
    const turns = (own?.waiting.size ?? 0) + 1;
    return Math.min(this.size + 1, Math.ceil((turns * weights) / weight));
  }

  *[Symbol.iterator](): Iterator<W> {
    for (const counter of this.backlogged) yield* counter.waiting;
  }

  /** The counter of a tenant, as it is now. */
  private open({ tenant, weight }: Waiter): TokenCounter<W> {
    let counter = this.counters.get(tenant);
    if (!counter) {
      counter = new TokenCounter(weight);
      this.counters.set(tenant, counter);
    }
    counter.weight = weight;
    return counter;
  }

  private lifted(waiter: W): TokenCounter<W> {
    const counter = this.open(waiter);
    if (counter.waiting.size === 0) counter.served = Math.max(counter.served, this.floor);
    return counter;
  }

  /**
   * What a tenant that comes back has been served at least. Answers that others are only expected to get are left out, as in the paper:
   * where the guess was far too high, who comes back would else wait for as much as they never got.
   */
  private get floor(): number {
    return (this.leastServed() ?? this.lastLeft)?.proved ?? 0;
  }

  private leastServed(): TokenCounter<W> | undefined {
    let least: TokenCounter<W> | undefined;
    for (const counter of this.backlogged) if (!least || goesBefore(counter, least)) least = counter;
    return least;
  }

  /**
   * Forgets counters that would be lifted if they came back, so that tenants who left take no memory, and all of them
   * when nobody waits or runs: there is nobody left to whom one could owe anything.
   */
  private sweep(): void {
    if (this.size + this.running === 0) {
      this.counters.clear();
      this.lastLeft = undefined;
      return;
    }
    if (this.counters.size < this.sweepAt) return;
    const { floor } = this;
    for (const [tenant, { waiting, running, served }] of this.counters) {
      if (waiting.size + running === 0 && served <= floor) this.counters.delete(tenant);
    }
    this.sweepAt = Math.max(sweepFrom, 2 * this.counters.size);
  }
}

/** Who comes back has been lifted to the least of the others: of such equals goes first who has less running. */
function goesBefore<W extends Waiter>(a: TokenCounter<W>, b: TokenCounter<W>): boolean {
  return a.served < b.served || (a.served === b.served && a.running / a.weight < b.running / b.weight);
}

function loadOf<W extends Waiter>(counter: TokenCounter<W>, measure: Measure): number {
  return measure === 'requests' ? counter.waiting.size : counter.waitingTokens;
}
