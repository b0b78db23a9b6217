import { type Clock, systemClock } from '../../core/clock.ts';
import { DelayHeap } from './delay-heap.ts';
import type { QueueObserver } from './observers.ts';
import { ExponentialBackoff, MaxOf, type RateLimiter, TokenBucket } from './rate-limiter.ts';

export type WorkQueueOptions = {
  readonly clock?: Clock | undefined;
  /** How long a failed key waits; 5 ms doubling to 1000 s, and 10 retries a second over all keys, unless told. */
  readonly limiter?: RateLimiter | undefined;
  readonly observer?: QueueObserver | undefined;
  /** How many keys that are not urgent may be in work at a time; no limit of their own unless given. */
  readonly ordinaryLimit?: number | undefined;
};

// The longest time that a Node timer can wait.
const maxTimerMs = 2 ** 31 - 1;

type Waiter = (key: string | undefined) => void;

/** A key that a worker has. */
type Turn = { readonly startedAt: number; readonly urgent: boolean };

/**
 * A queue of keys that holds each key once and never hands a key to two workers at a time: what is added while a worker
 * has it comes again when that worker is done (client-go workqueue). Urgent keys are handed out before all others, and the others
 * only so many at a time: what is in work has the server's time as much as what comes.
 */
export class WorkQueue {
  private readonly clock: Clock;
  private readonly limiter: RateLimiter;
  private readonly observer: QueueObserver | undefined;
  /** Key -> since when it waits. A Map keeps the order of insertion. */
  private readonly ready = new Map<string, number>();
  private readonly urgent = new Map<string, number>();
  private readonly processing = new Map<string, Turn>();
  private readonly ordinaryLimit: number;
  private ordinaryInWork = 0;
  private ordinaryHeld = false;
  /** Key -> whether it is urgent. */
  private readonly dirty = new Map<string, boolean>();
  private readonly delayed = new DelayHeap();
  private readonly waiters = new Set<Waiter>();
  private alarm: { readonly due: number; readonly controller: AbortController } | undefined;
  private isShutDown = false;

  constructor(options: WorkQueueOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.limiter = options.limiter ?? new MaxOf(new ExponentialBackoff(), new TokenBucket(this.clock));
    this.observer = options.observer;
    this.ordinaryLimit = options.ordinaryLimit ?? Number.POSITIVE_INFINITY;
  }

  /** Keys that a worker could take now. */
  get depth(): number {
    return this.ready.size + this.urgent.size;
  }

  /** Since when each key in work is worked on, in milliseconds since the epoch. */
  get startTimes(): Iterable<number> {
    return [...this.processing.values()].map(({ startedAt }) => startedAt);
  }

  /** Hands out urgent keys only, until `releaseOrdinary`. */
  holdOrdinary(): void {
    this.ordinaryHeld = true;
  }

  /** Hands out all keys again. */
  releaseOrdinary(): void {
    this.ordinaryHeld = false;
    this.handOut();
  }

  /** Whether the worker that has this key has it because it is urgent. */
  isUrgent(key: string): boolean {
    return this.processing.get(key)?.urgent === true;
  }

  /** `urgent`: before what else waits. A key that waits already comes forward. */
  add(key: string, urgent = false): void {
    if (this.isShutDown) return;
    if (this.processing.has(key)) {
      if (!this.dirty.has(key)) this.observer?.added(this.depth);
      this.dirty.set(key, urgent || this.dirty.get(key) === true);
      return;
    }
    const since = this.ready.get(key);
    if (this.urgent.has(key) || (since !== undefined && !urgent)) return;
    this.ready.delete(key);
    (urgent ? this.urgent : this.ready).set(key, since ?? this.clock.now());
    if (since === undefined) this.observer?.added(this.depth);
    this.handOut();
  }

  /** Adds the key after `ms` milliseconds; the earliest of several such wishes holds. */
  addAfter(key: string, ms: number): void {
    if (this.isShutDown) return;
    if (!(ms > 0)) {
      this.add(key);
      return;
    }
    this.delayed.push(key, this.clock.now() + ms);
    this.setAlarm();
  }

  /** Adds a key that failed after its back-off. */
  addRateLimited(key: string): void {
    if (this.isShutDown) return;
    this.observer?.retried();
    this.addAfter(key, this.limiter.delay(key));
  }

  /** The key's failures no longer count. */
  forget(key: string): void {
    this.limiter.forget(key);
  }

  /** Failures since the last `forget`. */
  retries(key: string): number {
    return this.limiter.retries(key);
  }

  /**
   * The next key, when there is one; it is the caller's alone until `done`.
   * Undefined when the queue is shut down or `signal` aborts: there is no more work.
   */
  take(signal?: AbortSignal): Promise<string | undefined> {
    if (this.isShutDown || signal?.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const onAbort = () => waiter(undefined);
      const waiter: Waiter = (key) => {
        this.waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
        resolve(key);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.waiters.add(waiter);
      this.handOut();
    });
  }

  /** The worker is through with the key; if it was added meanwhile, it is ready again. Throws when nobody has the key. */
  done(key: string): void {
    const turn = this.processing.get(key);
    if (turn === undefined) throw new Error(`the key "${key}" is not being processed`);
    this.processing.delete(key);
    if (!turn.urgent) this.ordinaryInWork -= 1;
    this.observer?.finished(this.clock.now() - turn.startedAt);
    const urgent = this.dirty.get(key);
    this.dirty.delete(key);
    if (this.isShutDown) return;
    if (urgent !== undefined) (urgent ? this.urgent : this.ready).set(key, this.clock.now());
    this.handOut();
  }

  /** Takes no more keys and hands out none; workers that wait hear `undefined`. */
  shutDown(): void {
    this.isShutDown = true;
    this.ready.clear();
    this.urgent.clear();
    this.dirty.clear();
    this.delayed.clear();
    this.alarm?.controller.abort();
    for (const waiter of [...this.waiters]) waiter(undefined);
  }

  private handOut(): void {
    for (const waiter of this.waiters) {
      const next = this.urgent.entries().next().value ?? this.nextOrdinary();
      if (!next) return;
      const [key, since] = next;
      const now = this.clock.now();
      const urgent = this.urgent.delete(key);
      if (!urgent) {
        this.ready.delete(key);
        this.ordinaryInWork += 1;
      }
      this.processing.set(key, { startedAt: now, urgent });
      this.observer?.taken(this.depth, now - since);
      waiter(key);
    }
  }

  private nextOrdinary(): [string, number] | undefined {
    return !this.ordinaryHeld && this.ordinaryInWork < this.ordinaryLimit ? this.ready.entries().next().value : undefined;
  }

  private setAlarm(): void {
    const due = this.delayed.nextDue;
    if (due === undefined || (this.alarm && this.alarm.due <= due)) return;
    this.alarm?.controller.abort();
    const alarm = { due, controller: new AbortController() };
    this.alarm = alarm;
    const waitMs = Math.min(maxTimerMs, Math.max(0, due - this.clock.now()));
    this.clock.sleep(waitMs, alarm.controller.signal).then(
      () => this.onAlarm(),
      () => {}, // replaced by an earlier alarm, or shut down
    );
  }

  private onAlarm(): void {
    this.alarm = undefined;
    if (this.isShutDown) return;
    const now = this.clock.now();
    for (let key = this.delayed.pop(now); key !== undefined; key = this.delayed.pop(now)) this.add(key);
    this.setAlarm();
  }
}
