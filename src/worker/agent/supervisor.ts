import type { Clock } from '../../core/clock.ts';
import { formatDuration } from '../../core/durations.ts';
import { describeError, Failure } from '../../core/failure.ts';
import { reasonInWords } from '../../core/failure-words.ts';
import type { Logger } from '../../core/logger.ts';
import type { FailureReason } from '../../core/reasons.ts';
import type { Engine, LoadedModel } from '../engines/engine.ts';
import { type LoadPlan, type LoadReporter, loadModel } from './load.ts';
import type { WorkerMetrics } from './metrics.ts';
import { advance, beginLoad, countBytes, enterPhase, fail, type LoadState, remark } from './phases.ts';

/** An engine that may die: `EngineProcess`, or a fake in tests. */
export type MortalEngine = Engine & {
  readonly ended: Promise<Failure>;
  silentForMs(): number;
  kill(reason?: Failure): void;
};

export type SupervisorOptions = {
  readonly plan: LoadPlan;
  readonly spawn: () => MortalEngine;
  readonly wedgeTimeoutMs: number;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Failures that may pass by themselves. The others need another deployment: trying again would only hide them. */
const passing: ReadonlySet<FailureReason> = new Set(['EngineCrashed', 'EngineWedged', 'SourceUnreachable', 'SourceRateLimited']);
const firstBackOffMs = 1_000;
const longestBackOffMs = 30_000;
/** An engine that served this long has earned a quick restart. */
const provenMs = 60_000;

/** Keeps one engine loaded: starts it, watches it, and starts it again with growing pauses when it dies. */
export class Supervisor {
  private readonly options: SupervisorOptions;
  private current: LoadState;
  private running: MortalEngine | undefined;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.current = beginLoad(options.clock.now());
  }

  get state(): LoadState {
    return this.current;
  }

  /** The engine, while it can take requests. */
  get engine(): Engine | undefined {
    return this.current.phase === 'Ready' ? this.running : undefined;
  }

  /** Ends the engine process at once, for an agent that must go now. */
  kill(): void {
    this.running?.kill();
  }

  /** Runs until `signal` aborts; then ends the engine. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, metrics } = this.options;
    let backOffMs = firstBackOffMs;
    while (!signal.aborted) {
      const failure = await this.life(signal);
      if (signal.aborted) return;
      const wasLoaded = this.current.phase === 'Ready';
      if (wasLoaded && clock.now() - this.current.lastProgressAt > provenMs) backOffMs = firstBackOffMs;
      this.current = fail(this.current, failure, clock.now());
      metrics.engineFailed(failure.reason);
      // What was loaded can be loaded: then the cause lay in what it was asked to do.
      if (!passing.has(failure.reason) && !wasLoaded) {
        logger.error({ reason: failure.reason, remedy: failure.remedy }, failure.message);
        return;
      }
      logger.error({ reason: failure.reason }, `${failure.message} Trying again in ${formatDuration(backOffMs)}.`);
      await clock.sleep(backOffMs, signal).catch(() => undefined);
      backOffMs = Math.min(backOffMs * 2, longestBackOffMs);
    }
  }

  /** One engine from start to end. Resolves with why it ended. */
  private async life(signal: AbortSignal): Promise<Failure> {
    const { plan, clock, logger } = this.options;
    this.current = beginLoad(clock.now(), this.current);
    const over = new AbortController();
    // Also in the middle of a load: whoever stops the worker does not wait for gigabytes.
    signal.addEventListener('abort', () => this.kill(), { signal: over.signal });
    try {
      const loaded = await loadModel(plan, () => this.start(), this.reporter(), signal);
      const engine = this.running;
      if (!engine) throw new Error('a model was loaded without an engine');
      this.current = { ...enterPhase(this.current, 'Ready', clock.now()), ...standing(loaded) };
      logger.info({ ...loaded, seconds: (clock.now() - this.current.startedAt) / 1000 }, 'model loaded');
      void this.watchForWedge(engine, over.signal);
      signal.throwIfAborted();
      return await engine.ended;
    } catch (error) {
      if (error instanceof Failure) return error;
      const words = describeError(error);
      return new Failure(reasonInWords(words) ?? 'EngineCrashed', words, { cause: error });
    } finally {
      over.abort();
      await this.stop();
    }
  }

  private start(): Engine {
    this.options.metrics.engineStarted();
    this.running = this.options.spawn();
    return this.running;
  }

  private async stop(): Promise<void> {
    const engine = this.running;
    this.running = undefined;
    engine?.kill();
    await engine?.ended;
  }

  private reporter(): LoadReporter {
    const { clock, logger } = this.options;
    return {
      enter: (phase, bytesTotal) => {
        logger.info({ phase, bytesTotal }, 'load phase');
        this.current = enterPhase(this.current, phase, clock.now(), bytesTotal);
      },
      advance: (fraction) => {
        this.current = advance(this.current, fraction, clock.now());
      },
      count: (bytesDone, bytesTotal) => {
        this.current = countBytes(this.current, bytesDone, bytesTotal, clock.now());
      },
      remark: (message) => {
        if (message !== null && message !== this.current.message) logger.info({ phase: this.current.phase }, message);
        this.current = remark(this.current, message);
      },
    };
  }

  /** A request that runs but gives no sign of life for the wedge timeout means that the engine hangs: it is ended, `run` starts another. */
  private async watchForWedge(engine: MortalEngine, over: AbortSignal): Promise<void> {
    const { clock, wedgeTimeoutMs } = this.options;
    while (!over.aborted) {
      await clock.sleep(Math.min(1_000, wedgeTimeoutMs / 2), over).catch(() => undefined);
      const silentMs = engine.silentForMs();
      if (over.aborted || silentMs < wedgeTimeoutMs) continue;
      engine.kill(new Failure('EngineWedged', `A request ran for ${formatDuration(silentMs)} without a token; the engine was ended.`));
      return;
    }
  }
}

function standing({ device, contextLength, maxSequences }: LoadedModel): Pick<LoadState, 'device' | 'cacheTokens'> {
  return { device, cacheTokens: contextLength * maxSequences };
}
