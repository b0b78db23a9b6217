import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type Clock, type Random, systemClock } from '../../core/clock.ts';
import { type Logger, silentLogger } from '../../core/logger.ts';
import { aborted, untilAborted } from '../abort.ts';
import { isConflict, isNotFound, WriteRefused } from '../client/api-error.ts';
import type { Lease } from '../client/resources.ts';
import { claimed, decide, type Observation, observe, released } from './leader-election-core.ts';
import type { LeaseStore } from './leader-election-lease.ts';
import type { LeaderElectionMetrics } from './observers.ts';

export type LeaderElectionOptions = {
  readonly lease: LeaseStore;
  /** Unlike any other candidate's, also after a restart; host name and a UUID unless told. */
  readonly identity?: string | undefined;
  /** How long others leave a silent leader alone, in whole seconds; 15 s unless told. */
  readonly leaseMs?: number | undefined;
  /** How long a leader acts without a renewal; 10 s unless told. What is left of the lease is for its work to end. */
  readonly renewDeadlineMs?: number | undefined;
  /** Between two renewals, and at least between two looks of a candidate; 2 s unless told. */
  readonly retryMs?: number | undefined;
  /** For what is written into the lease, and for sleeping. */
  readonly clock?: Clock | undefined;
  /** Milliseconds that never jump, whatever happens to the wall clock; those of the process unless told. */
  readonly monotonic?: (() => number) | undefined;
  readonly random?: Random | undefined;
  readonly logger?: Logger | undefined;
  readonly metrics?: LeaderElectionMetrics | undefined;
};

/** This process does not lead, or no longer can prove that it does: it must not act. */
export class LeadershipLost extends WriteRefused {
  constructor(message: string) {
    super(message);
    this.name = 'LeadershipLost';
  }
}

/** A time of leading. `provenUntil` moves with every renewal. */
type Term = { provenUntil: number; readonly lost: AbortController };

// client-go JitterFactor: candidates that started together do not go on together.
const jitterFactor = 1.2;

/**
 * Leads while it can prove that the lease is its own. Judged by the local monotonic time since the record was last seen to
 * change, never by comparing clocks (client-go leaderelection). Who lost the lease ends its work and stands by again.
 */
export class LeaderElection {
  readonly identity: string;
  private readonly lease: LeaseStore;
  private readonly leaseMs: number;
  private readonly renewDeadlineMs: number;
  private readonly retryMs: number;
  private readonly clock: Clock;
  private readonly monotonic: () => number;
  private readonly random: Random;
  private readonly logger: Logger;
  private readonly tellMetrics: (leading: boolean) => void;
  private seen: Observation | undefined;
  private term: Term | undefined;
  private notBefore = Number.NEGATIVE_INFINITY;
  private started = false;
  private readonly firstTry = Promise.withResolvers<void>();

  constructor(options: LeaderElectionOptions) {
    this.lease = options.lease;
    this.identity = options.identity ?? `${hostname()}_${randomUUID()}`;
    this.leaseMs = options.leaseMs ?? 15_000;
    this.renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.retryMs = options.retryMs ?? 2_000;
    if (this.leaseMs % 1000 !== 0 || this.leaseMs <= this.renewDeadlineMs || this.renewDeadlineMs <= this.retryMs * jitterFactor) {
      throw new RangeError(
        'leader election needs a lease of whole seconds, longer than the renew deadline, and that longer than 1.2 retries',
      );
    }
    this.clock = options.clock ?? systemClock;
    this.monotonic = options.monotonic ?? (() => performance.now());
    this.random = options.random ?? Math.random;
    this.logger = (options.logger ?? silentLogger).child({ lease: this.lease.key, identity: this.identity });
    this.tellMetrics = options.metrics?.leaderElection(this.lease.key.slice(this.lease.key.indexOf('/') + 1)) ?? (() => {});
  }

  /** Whether leadership is provable at this instant. */
  get leading(): boolean {
    const { term } = this;
    return term !== undefined && !term.lost.signal.aborted && this.monotonic() < term.provenUntil;
  }

  /** Resolves when it has tried once to get the lease, with whatever success; rejects with the signal's reason. */
  tried(signal: AbortSignal): Promise<void> {
    return untilAborted(this.firstTry.promise, signal);
  }

  /**
   * Throws LeadershipLost unless leadership is provable now. Called before each write it holds where timers do not:
   * what wakes first after a stall (GC, a big parse) may be the code that writes.
   */
  assertLeading(): void {
    const { term } = this;
    if (term === undefined) throw new LeadershipLost(`${this.identity} does not lead ${this.lease.key}`);
    if (!this.leading) this.lose(term, `the lease ${this.lease.key} was not renewed within ${this.renewDeadlineMs / 1000} s`);
    if (term.lost.signal.aborted) throw term.lost.signal.reason;
  }

  /**
   * Waits for the lease and runs `work` while it is held, term after term, until `signal` has aborted or a work has ended
   * by itself; then the lease is given back. The signal of a work aborts with `signal`, or with LeadershipLost as its reason.
   * Throws LeadershipLost when a work did not end in time after that: the process must, for another may lead.
   */
  async lead(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.started) throw new Error('a leader election runs once');
    this.started = true;
    for (;;) {
      const term = await this.acquire(signal);
      if (term === undefined) return;
      await this.serve(term, work, signal);
      if (signal.aborted || !term.lost.signal.aborted) return;
      this.logger.warn('standing by again');
      // Others may lead only so long after a lost term, and so may we: what its work had sent has arrived by then.
      this.notBefore = this.monotonic() + this.leaseMs - this.renewDeadlineMs;
    }
  }

  private async serve(term: Term, work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const upkeep = Promise.all([this.keepRenewing(term, over.signal), this.guard(term, over.signal)]);
    try {
      const ended = work(AbortSignal.any([signal, term.lost.signal])).then(() => true);
      const inTime = await Promise.race([ended, this.endOfLease(term, over.signal)]);
      // A stop that came first is a stop: nobody waits for this leader any more.
      if (!inTime && !signal.aborted) throw new LeadershipLost(`the work did not end with the lease ${this.lease.key}`);
    } finally {
      over.abort();
      await upkeep;
      if (this.leading) await this.release();
      this.term = undefined;
      this.tellMetrics(false);
    }
  }

  private async acquire(signal: AbortSignal): Promise<Term | undefined> {
    this.logger.info('waiting for the lease');
    const watching = new AbortController();
    const waker = { wake: () => {} };
    const watch = this.watch(waker, AbortSignal.any([signal, watching.signal]));
    try {
      while (!signal.aborted) {
        const provenUntil = await this.tryToClaim(signal);
        const won = provenUntil !== undefined && this.monotonic() < provenUntil && !signal.aborted;
        const term = won ? this.begin(provenUntil) : undefined;
        this.firstTry.resolve();
        if (term) return term;
        await this.untilNextTry(waker, signal);
      }
      return undefined;
    } finally {
      watching.abort();
      await watch;
    }
  }

  private begin(provenUntil: number): Term {
    const term: Term = { provenUntil, lost: new AbortController() };
    this.term = term;
    this.tellMetrics(true);
    this.logger.info('leading');
    return term;
  }

  /** Sleeps until the lease is due, or a retry has passed, or the watch says that it is free. */
  private async untilNextTry(waker: { wake: () => void }, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    waker.wake = () => woken.abort();
    const decision = this.seen && decide(this.seen, this.identity, this.monotonic());
    const retryMs = this.retryMs * (1 + jitterFactor * this.random());
    const ms = decision?.kind === 'wait' ? Math.min(retryMs, decision.until - this.monotonic()) : retryMs;
    await this.sleep(ms, AbortSignal.any([signal, woken.signal]));
    waker.wake = () => {};
  }

  /** Hears of a release at once. Polling does without, so a failure is no more than a delay. */
  private async watch(waker: { wake: () => void }, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const lease of this.lease.watch(signal)) {
          if (signal.aborted) return;
          this.see(lease);
          if (this.seen?.holder === '') waker.wake();
        }
      } catch (error) {
        if (!signal.aborted) this.logger.debug({ err: error }, 'the watch of the lease broke');
      }
      await this.sleep(this.retryMs, signal);
    }
  }

  private async keepRenewing(term: Term, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.sleep(this.retryMs, AbortSignal.any([signal, term.lost.signal]));
      if (signal.aborted || term.lost.signal.aborted) return;
      const provenUntil = await this.tryToClaim(term.lost.signal);
      if (provenUntil !== undefined) term.provenUntil = provenUntil;
      else if (this.seen?.holder !== this.identity) this.lose(term, `the lease ${this.lease.key} is no longer ours`);
    }
  }

  /** Ends the term in time where a renewal hangs, or fails until it is too late. */
  private async guard(term: Term, signal: AbortSignal): Promise<void> {
    while (this.leading && !signal.aborted) {
      await this.sleep(term.provenUntil - this.monotonic(), AbortSignal.any([signal, term.lost.signal]));
    }
    if (!signal.aborted) this.lose(term, `the lease ${this.lease.key} was not renewed within ${this.renewDeadlineMs / 1000} s`);
  }

  private lose(term: Term, message: string): void {
    if (term.lost.signal.aborted) return;
    this.logger.error(message);
    this.tellMetrics(false);
    term.lost.abort(new LeadershipLost(message));
  }

  /**
   * Answers false when the term is lost and the lease over: then another may lead, whether our work has ended or not.
   * A stall may have eaten the whole lease before anybody could hear of it; the work, which may not write from the first
   * moment on, has as long again as a renewal to end: a machine that is too busy to renew is too busy to end it at once.
   */
  private async endOfLease(term: Term, signal: AbortSignal): Promise<false> {
    await aborted(term.lost.signal);
    const leftMs = term.provenUntil + this.leaseMs - this.renewDeadlineMs - this.monotonic();
    await this.sleep(Math.max(leftMs, this.renewDeadlineMs), signal);
    return false;
  }

  /** Until when leadership is proven; undefined when another leads, or it could not be had. Never throws. */
  private async tryToClaim(signal: AbortSignal): Promise<number | undefined> {
    try {
      const known = this.seen?.holder === this.identity;
      if (!known) await this.look(signal);
      try {
        return await this.claim(signal);
      } catch (error) {
        // What we knew was not the newest: someone wrote, or an answer to us was lost.
        if (!known || !(isConflict(error) || isNotFound(error))) throw error;
        await this.look(signal);
        return this.seen?.holder === this.identity ? await this.claim(signal) : undefined;
      }
    } catch (error) {
      if (!signal.aborted) this.logger.warn({ err: error }, 'the lease could not be written or read');
      return undefined;
    }
  }

  private async claim(signal: AbortSignal): Promise<number | undefined> {
    const { seen } = this;
    // Taken before the request: whoever sees its effect sees it later, and waits a whole lease from then.
    const sentAt = this.monotonic();
    if (seen === undefined || sentAt < this.notBefore || decide(seen, this.identity, sentAt).kind === 'wait') return undefined;
    await this.write(seen.lease, claimed(seen.lease?.spec, this.identity, this.clock.now(), this.leaseMs), signal);
    return sentAt + this.renewDeadlineMs;
  }

  private async release(): Promise<void> {
    const lease = this.seen?.lease;
    if (lease === undefined) return;
    try {
      await this.write(lease, released(lease.spec, this.clock.now()));
      this.logger.info('released the lease');
    } catch (error) {
      this.logger.warn({ err: error }, 'the lease could not be released; it runs out');
    }
  }

  private async write(lease: Lease | undefined, spec: Lease['spec'], signal?: AbortSignal): Promise<void> {
    const call = { signal, timeoutMs: this.renewDeadlineMs / 2 };
    this.see(lease ? await this.lease.update({ ...lease, ...(spec && { spec }) }, call) : await this.lease.create(spec, call));
  }

  private async look(signal: AbortSignal): Promise<void> {
    this.see(await this.lease.read({ signal, timeoutMs: this.renewDeadlineMs / 2 }));
  }

  private see(lease: Lease | undefined): void {
    this.seen = observe(this.seen, lease, this.monotonic(), this.leaseMs);
  }

  /** Sleeps for `ms`, or until the signal aborts. */
  private async sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.clock.sleep(Math.max(0, ms), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
