import { type Clock, systemClock } from '../../core/clock.ts';
import { type Logger, silentLogger } from '../../core/logger.ts';
import { aborted, untilAborted } from '../abort.ts';
import type { LeaderElection } from './leader-election.ts';

/** A part of a program that runs until its signal aborts. */
export type Runnable = {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when what comes after may start; at once unless given. */
  ready?(signal: AbortSignal): Promise<void>;
};

/** What a Manager fills before a controller may look at it: an InformerCache, or its like. */
export type ManagedCache = {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when it is filled. */
  synced(signal: AbortSignal): Promise<void>;
  /** Reads everything anew: a leader begins with what its predecessor wrote. */
  refresh?(signal: AbortSignal): Promise<void>;
  /** What it still lacks, for people. */
  readonly waitingFor?: readonly string[];
};

/** What a Manager runs as a controller: a Controller, or its like. Resolves when all of its work has ended. */
export type ManagedController = { readonly name: string; start(signal: AbortSignal): Promise<void> };

export type ManagerOptions = {
  readonly logger?: Logger | undefined;
  readonly clock?: Clock | undefined;
  /** How long the whole stop may take; 30 s unless told. */
  readonly graceMs?: number | undefined;
  /** Controllers run while it leads; everything else, and readiness, does not wait for it. */
  readonly leaderElection?: Pick<LeaderElection, 'lead' | 'tried' | 'leading'> | undefined;
};

const stages = ['servers', 'caches', 'runnables', 'controllers'] as const;
type Stage = (typeof stages)[number];

type Running = { readonly stage: Stage; readonly stop: AbortController; readonly ended: Promise<unknown> };

/**
 * Starts the parts of a program in order - servers, caches, other runnables, controllers - each stage when the one before
 * is ready, and stops them in reverse: whoever needs a cache is gone before the cache is. A stage may take its time: no
 * restart brings an API server back sooner, and `waitingFor` tells what is missing.
 * With a leader election controllers run while this process leads, made anew for each term; between two terms, and
 * before the first, it is a standby: ready, its caches warm. What a term begins with has been read since it was won. So the
 * lease is tried for before the caches start: whoever finds it free need not read everything twice.
 */
export class Manager {
  private readonly parts: Record<Stage, Runnable[]> = { servers: [], caches: [], runnables: [], controllers: [] };
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly graceMs: number;
  private readonly leaderElection: ManagerOptions['leaderElection'];
  private readonly caches: ManagedCache[] = [];
  /** Resolves when controllers may run. */
  private readonly warm = Promise.withResolvers<void>();
  /** The caches hold what was read since the term began that is the next to be served. */
  private fresh = false;
  private state: 'starting' | 'ready' | 'stopping' = 'starting';
  private started = false;

  constructor(options: ManagerOptions = {}) {
    this.logger = options.logger ?? silentLogger;
    this.clock = options.clock ?? systemClock;
    this.graceMs = options.graceMs ?? 30_000;
    this.leaderElection = options.leaderElection;
  }

  /** Metrics and health listeners: up first, down last. */
  addServer(server: Runnable): void {
    this.add('servers', server);
  }

  addCache(cache: ManagedCache): void {
    this.add('caches', { name: cache.name, run: (signal) => cache.run(signal), ready: (signal) => cache.synced(signal) });
    this.caches.push(cache);
  }

  addRunnable(runnable: Runnable): void {
    this.add('runnables', runnable);
  }

  /**
   * `make` is called at once, so that the caches know what the controller asks of them before they start, and again
   * for each further term of leadership: what a controller remembers ends with its term.
   */
  addController(make: () => ManagedController): void {
    const first = make();
    let next: ManagedController | undefined = first;
    this.add('controllers', {
      name: first.name,
      async run(signal) {
        const controller = next ?? make();
        next = undefined;
        await controller.start(signal);
      },
    });
  }

  /** Whether every stage has started and none is stopping: the answer of a readiness probe. */
  get ready(): boolean {
    return this.state === 'ready';
  }

  /** Why it is not ready, one short text each, for people. Empty when it is. */
  get waitingFor(): readonly string[] {
    if (this.state === 'ready') return [];
    if (this.state === 'stopping') return ['the end: it stops'];
    const missing = this.caches.flatMap((cache) => cache.waitingFor ?? []);
    return missing.length > 0 ? missing : ['the start of its parts'];
  }

  /**
   * Runs everything until `signal` aborts, then stops it and resolves.
   * When a part fails or ends by itself, the rest is stopped and the failure thrown; so it is when the stop outlasts its grace.
   */
  async run(signal: AbortSignal): Promise<void> {
    if (this.started) throw new Error('the manager has been started already');
    this.started = true;
    const failed = new AbortController();
    const stopping = AbortSignal.any([signal, failed.signal]);
    const running: Running[] = [];
    try {
      await this.start(running, stopping, failed);
      if (!stopping.aborted) this.state = 'ready';
      await aborted(stopping);
    } catch (error) {
      if (!stopping.aborted) failed.abort(error);
    }
    this.state = 'stopping';
    await this.stop(running);
    if (failed.signal.aborted) throw failed.signal.reason;
  }

  private async start(running: Running[], stopping: AbortSignal, failed: AbortController): Promise<void> {
    const { leaderElection } = this;
    const next = async (stage: Stage) => {
      if (stopping.aborted) return;
      running.push(this.launch(stage, stopping, failed));
      await this.untilReady(stage, stopping);
    };
    await next('servers');
    if (leaderElection) {
      await next('controllers');
      await leaderElection.tried(stopping);
      this.fresh = leaderElection.leading;
    }
    await next('caches');
    await next('runnables');
    this.warm.resolve();
    if (!leaderElection) await next('controllers');
  }

  private add(stage: Stage, part: Runnable): void {
    if (this.started) throw new Error(`"${part.name}" comes too late: the manager runs`);
    this.parts[stage].push(part);
  }

  private launch(stage: Stage, stopping: AbortSignal, failed: AbortController): Running {
    const stop = new AbortController();
    const { leaderElection } = this;
    const runAll = async (parts: readonly Runnable[], until: AbortSignal) => {
      await Promise.all(parts.map((part) => this.runPart(part, until, stopping, failed)));
    };
    const led: Runnable | undefined = leaderElection && {
      name: 'leader-election',
      run: (until) =>
        leaderElection.lead(async (leading) => {
          if (await this.prepareTerm(leading)) await runAll(this.parts[stage], leading);
        }, until),
    };
    return { stage, stop, ended: runAll(stage === 'controllers' && led ? [led] : this.parts[stage], stop.signal) };
  }

  /** Never rejects: a failure aborts `failed`. */
  private async runPart(part: Runnable, until: AbortSignal, stopping: AbortSignal, failed: AbortController): Promise<void> {
    try {
      await part.run(until);
      if (!stopping.aborted && !until.aborted) failed.abort(new Error(`"${part.name}" ended by itself`));
    } catch (error) {
      if (until.aborted) this.logger.warn({ err: error, part: part.name }, 'a part failed while it stopped');
      else failed.abort(new Error(`"${part.name}" failed`, { cause: error }));
    }
  }

  private async untilReady(stage: Stage, stopping: AbortSignal): Promise<void> {
    await untilAborted(Promise.all(this.parts[stage].map((part) => part.ready?.(stopping))), stopping);
  }

  /** A watch may be behind what the last leader wrote, and after an outage it is. False when the term ended meanwhile. */
  private async prepareTerm(leading: AbortSignal): Promise<boolean> {
    try {
      await untilAborted(this.warm.promise, leading);
      if (!this.fresh) await Promise.all(this.caches.map((cache) => cache.refresh?.(leading)));
      return true;
    } catch (error) {
      if (!leading.aborted) throw error;
      return false;
    } finally {
      this.fresh = false;
    }
  }

  private async stop(running: readonly Running[]): Promise<void> {
    const over = new AbortController();
    const tooLate = this.clock.sleep(this.graceMs, over.signal).then(
      () => true,
      () => false, // everything ended in time
    );
    try {
      for (const { stage, stop, ended } of running.toSorted((a, b) => stages.indexOf(b.stage) - stages.indexOf(a.stage))) {
        stop.abort(new DOMException('the program stops', 'AbortError'));
        if (await Promise.race([ended.then(() => false), tooLate])) {
          for (const rest of running) rest.stop.abort();
          throw new Error(`the ${stage} did not stop within ${this.graceMs / 1000} s`);
        }
      }
    } finally {
      over.abort();
    }
  }
}
