import { Band, type Measure } from './band.ts';
import type { TokenCounter, Waiter } from './token-counter.ts';

/** A lower priority gets a slot after so many that went to higher ones: it is slow, but nobody starves. */
const mostPassedOver = 15;

/** What a request that runs costs its tenant: an expected answer until the real one is known. */
export type Charge = {
  /** What was counted takes the place of what was expected. */
  settle(promptTokens: number, outputTokens: number): void;
  /** The request no longer runs; without a `settle` before, it has got no answer. */
  finish(): void;
};

/** The requests that wait for one model: bands of priority, and in each a fair share for every tenant. */
export class FairQueue<W extends Waiter> {
  /** Highest priority first. */
  private readonly bands: Band<W>[] = [];
  private waiters = 0;
  private waitingTokens = 0;

  get size(): number {
    return this.waiters;
  }

  /** What those who wait may cost in tokens. */
  get tokens(): number {
    return this.waitingTokens;
  }

  /** How many wait, by priority, of each priority that anybody has had. */
  get sizes(): Map<number, number> {
    return new Map(this.bands.map(({ priority, size }) => [priority, size]));
  }

  enter(waiter: W): void {
    this.band(waiter.priority).enter(waiter);
    this.waiters += 1;
    this.waitingTokens += waiter.tokens;
  }

  /** Takes out whoever gives up; false when it does not wait here. */
  remove(waiter: W): boolean {
    if (!this.band(waiter.priority).remove(waiter)) return false;
    this.waiters -= 1;
    this.waitingTokens -= waiter.tokens;
    return true;
  }

  /** Whose turn it is; undefined when nobody waits. */
  next(): W | undefined {
    let chosen: Band<W> | undefined;
    for (const band of this.bands) {
      if (band.size > 0 && (!chosen || band.passedOver >= mostPassedOver)) chosen = band;
    }
    return chosen?.next();
  }

  /** Serves a request, whether it waited here or came to a free slot. `anew` when it was served before, by a replica that failed: its prompt is paid. */
  serve(waiter: W, anew = false): Charge {
    const own = this.band(waiter.priority);
    const before = own.size;
    const counter = own.serve(waiter);
    if (own.size < before) {
      this.waiters -= 1;
      this.waitingTokens -= waiter.tokens;
      for (const band of this.bands) if (band.priority < own.priority && band.size > 0) band.passedOver += 1;
      own.passedOver = 0;
    }
    return new CounterCharge(own, counter, waiter, anew);
  }

  /**
   * Who has to yield to a newcomer when the queue is full: the newest request of the tenant that has most waiting, of the lowest
   * priority first; nobody when the newcomer's own tenant would have as much. So one tenant cannot fill the queue against the others.
   */
  yielding(newcomer: W, measure: Measure): W | undefined {
    for (let index = this.bands.length - 1; index >= 0; index -= 1) {
      const band = this.bands[index];
      if (!band || band.priority > newcomer.priority) return undefined;
      const own = band.priority === newcomer.priority;
      const added = (measure === 'requests' ? 1 : newcomer.tokens) / newcomer.weight;
      const found = band.newestOfGreatest(measure, own ? band.share(newcomer, measure) + added : 0);
      if (found) return found;
    }
    return undefined;
  }

  /** How many are served until one more request of this tenant is, itself included, if all requests are alike. */
  position(waiter: Waiter): number {
    let before = 0;
    for (const band of this.bands) {
      if (band.priority > waiter.priority) before += band.size;
      else if (band.priority === waiter.priority) return before + band.position(waiter);
    }
    return before + 1;
  }

  *[Symbol.iterator](): Iterator<W> {
    for (const band of this.bands) yield* band;
  }

  private band(priority: number): Band<W> {
    for (const band of this.bands) if (band.priority === priority) return band;
    const band = new Band<W>(priority);
    this.bands.push(band);
    this.bands.sort((a, b) => b.priority - a.priority);
    return band;
  }
}

class CounterCharge<W extends Waiter> implements Charge {
  private readonly band: Band<W>;
  private readonly counter: TokenCounter<W>;
  private readonly promptTokens: number;
  private readonly expected: number;
  private settled = false;

  constructor(band: Band<W>, counter: TokenCounter<W>, waiter: W, anew: boolean) {
    this.band = band;
    this.counter = counter;
    this.promptTokens = waiter.promptTokens;
    counter.charge(anew ? 0 : waiter.promptTokens, 0);
    this.expected = counter.expect(counter.expectedOutput(waiter));
  }

  settle(promptTokens: number, outputTokens: number): void {
    if (this.settled) return;
    this.settled = true;
    this.counter.unexpect(this.expected);
    this.counter.charge(promptTokens - this.promptTokens, outputTokens);
    this.counter.noteOutput(outputTokens);
  }

  finish(): void {
    if (!this.settled) this.counter.unexpect(this.expected);
    this.settled = true;
    this.band.finish(this.counter);
  }
}
