import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../../core/clock.ts';
import { type Logger, silentLogger } from '../../core/logger.ts';
import { aborted } from '../abort.ts';
import { isConflict } from '../client/api-error.ts';
import { parseKey } from '../client/types.ts';
import { LeadershipLost } from './leader-election.ts';
import type { ControllerMetrics, ControllerObserver } from './observers.ts';
import { type Outcome, outcomeOfError, outcomeOfResult, type Result } from './result.ts';
import type { Source } from './sources.ts';
import { WorkQueue } from './work-queue.ts';

export type ReconcileContext = {
  /** It was called because of something urgent: what is not may be left for another turn, to be asked for with requeueAfter(0). */
  readonly urgent: boolean;
  /** Aborts when the run takes too long, or when the controller stops and its grace is over. */
  readonly signal: AbortSignal;
  /** Carries the controller, the object and a reconcileID in every line. */
  readonly logger: Logger;
};

/** Brings the world of one object towards what it asks for. Thrown errors are retried with back-off, a TerminalError is not. */
export type Reconcile = (key: string, context: ReconcileContext) => Promise<Result>;

export type ControllerOptions = {
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly sources: readonly Source[];
  /** Keys in work at a time; 1 unless told. */
  readonly concurrency?: number | undefined;
  /** How many of them may be keys that are not urgent; all unless told. */
  readonly ordinaryConcurrency?: number | undefined;
  /** A run that takes longer has its signal aborted; no limit unless told. */
  readonly reconcileTimeoutMs?: number | undefined;
  /** How long runs may go on after the stop before their signal aborts; 10 s unless told. */
  readonly stopGraceMs?: number | undefined;
  readonly queue?: WorkQueue | undefined;
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
  readonly metrics?: ControllerMetrics | undefined;
  readonly newId?: (() => string) | undefined;
};

/** Takes keys from its sources through a queue and reconciles each, a bounded number at a time and no key twice at once. */
export class Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  private readonly options: ControllerOptions;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly metrics: ControllerObserver | undefined;

  constructor(options: ControllerOptions) {
    const { name, concurrency = 1, ordinaryConcurrency: ordinaryLimit, metrics } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1) throw new RangeError(`the concurrency of ${name} must be a positive integer`);
    this.name = name;
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.logger = (options.logger ?? silentLogger).child({ controller: name });
    this.queue = options.queue ?? new WorkQueue({ clock: this.clock, ordinaryLimit, observer: metrics?.queue(name) });
    this.metrics = metrics?.controller(name, concurrency);
    metrics?.watchQueue(name, this.queue, this.clock);
  }

  /**
   * Waits for the sources, works until `signal` aborts, and resolves when the last run has ended. Urgent keys do not wait for late sources.
   * Runs have their grace, but for lost leadership: another may act soon.
   * The informers behind the sources must run. A controller starts once.
   */
  async start(signal: AbortSignal): Promise<void> {
    const { sources, concurrency = 1 } = this.options;
    const stops = sources.map((source) => source.start((key, urgent) => this.queue.add(key, urgent)));
    const hardStop = new AbortController();
    const stopIfLost = () => signal.reason instanceof LeadershipLost && hardStop.abort(signal.reason);
    signal.addEventListener('abort', stopIfLost, { once: true });
    try {
      const synced = (late: boolean) =>
        Promise.all(sources.filter((source) => (source.late ?? false) === late).map((source) => source.synced(signal)));
      this.queue.holdOrdinary();
      await synced(false);
      this.logger.debug({ concurrency }, 'controller started');
      const workers = Array.from({ length: concurrency }, () => this.work(signal, hardStop.signal));
      const whole = synced(true).then(
        () => this.queue.releaseOrdinary(),
        (error: unknown) => {
          if (!signal.aborted) throw error;
        },
      );
      await Promise.all([whole, aborted(signal)]);
      await this.withGrace(Promise.all(workers), hardStop);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', stopIfLost);
      for (const stop of stops) stop();
      this.queue.shutDown();
    }
  }

  private async withGrace(work: Promise<unknown>, hardStop: AbortController): Promise<void> {
    const { stopGraceMs = 10_000 } = this.options;
    const finished = new AbortController();
    this.clock.sleep(stopGraceMs, finished.signal).then(
      () => hardStop.abort(new DOMException(`the controller ${this.name} stops`, 'AbortError')),
      () => {}, // every run ended in time
    );
    await work;
    finished.abort();
  }

  private async work(signal: AbortSignal, hardStop: AbortSignal): Promise<void> {
    for (let key = await this.queue.take(signal); key !== undefined; key = await this.queue.take(signal)) {
      this.metrics?.started();
      try {
        await this.run(key, hardStop);
      } finally {
        this.queue.done(key);
        this.metrics?.ended();
      }
      // Runs that wait for nobody would follow one another without a pause, and what others wait for would not be heard meanwhile.
      await new Promise(setImmediate);
    }
  }

  private async run(key: string, hardStop: AbortSignal): Promise<void> {
    const { reconcile, newId = randomUUID } = this.options;
    const logger = this.logger.child({ object: parseKey(key), reconcileID: newId() });
    const limit = this.startLimit(hardStop);
    const startedAt = this.clock.now();
    let outcome: Outcome;
    try {
      outcome = outcomeOfResult(await reconcile(key, { urgent: this.queue.isUrgent(key), signal: limit.signal, logger }));
    } catch (error) {
      // Stopped in the middle: no failure, and the next start looks at everything anyway.
      if (hardStop.aborted) {
        logger.info({ err: error }, 'reconcile stopped');
        return;
      }
      outcome = outcomeOfError(error);
      this.report(outcome, error, logger);
    } finally {
      limit.end();
    }
    this.metrics?.reconciled(outcome, this.clock.now() - startedAt);
    this.requeue(key, outcome);
  }

  private requeue(key: string, { next }: Outcome): void {
    if (next.kind === 'retry') {
      this.queue.addRateLimited(key);
      return;
    }
    this.queue.forget(key);
    if (next.kind === 'after') this.queue.addAfter(key, next.ms);
  }

  private report(outcome: Outcome, error: unknown, logger: Logger): void {
    // A lost race for a write is the ordinary way of optimistic concurrency.
    if (isConflict(error)) logger.debug({ err: error }, 'reconcile lost a race, will retry');
    else logger.error({ err: error, terminal: outcome.terminal, panic: outcome.panic }, 'reconcile failed');
  }

  private startLimit(hardStop: AbortSignal): { readonly signal: AbortSignal; end(): void } {
    const { reconcileTimeoutMs } = this.options;
    if (reconcileTimeoutMs === undefined) return { signal: hardStop, end: () => {} };
    const timeout = new AbortController();
    const ended = new AbortController();
    this.clock.sleep(reconcileTimeoutMs, ended.signal).then(
      () => {
        this.metrics?.timedOut();
        timeout.abort(new DOMException(`the reconcile took longer than ${reconcileTimeoutMs} ms`, 'TimeoutError'));
      },
      () => {}, // ended in time
    );
    return { signal: AbortSignal.any([hardStop, timeout.signal]), end: () => ended.abort() };
  }
}
