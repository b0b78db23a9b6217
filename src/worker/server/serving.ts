import { drainingHeader } from '../../core/agent-contract.ts';
import type { Clock } from '../../core/clock.ts';
import { errors, type HttpError } from '../../core/errors.ts';
import { Failure } from '../../core/failure.ts';
import type { WorkerMetrics } from '../agent/metrics.ts';
import { type Engine, type GenerateEvent, type GenerateRequest, RefusedError } from '../engines/engine.ts';
import type { Admission } from './admission.ts';
import type { CacheUse } from './cache-use.ts';

/** What the serving port needs to know of the rest of the worker. */
export type Serving = {
  /** The name that `/v1/models` lists and that answers carry when the caller gave none. */
  readonly model: string;
  /** Throws the 503 that says why no new request is taken, if none is. */
  accept(): void;
  /** The engine, for requests that were accepted; throws the 503 that says why there is none. */
  engine(): Engine;
  readonly admission: Admission;
  readonly cache: CacheUse;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  /** Aborts when running requests may not go on: the drain has taken too long. */
  readonly cutOff: AbortSignal;
};

/**
 * Runs one request: waits for its turn, generates, counts. Throws HttpErrors only.
 * When `gone` aborts, generation stops and the place in the engine is given back.
 */
export async function* generate(
  serving: Serving,
  request: GenerateRequest,
  model: string,
  gone: AbortSignal,
): AsyncGenerator<GenerateEvent, void, void> {
  const { metrics, clock, admission, cache } = serving;
  serving.accept();
  const signal = AbortSignal.any([gone, serving.cutOff]);
  const arrivedAt = clock.now();
  let lastTokenAt: number | undefined;
  let started = false;
  const pass = await admission.enter(signal).catch((error: unknown) => {
    throw serving.cutOff.aborted ? refusedToDrain() : error;
  });
  const share = cache.enter();
  try {
    // Asked now: a request may have waited through a crash. One that waited through the beginning of a drain is still finished.
    for await (const event of serving.engine().generate(request, signal)) {
      const now = clock.now();
      if (event.kind === 'started') {
        started = true;
        metrics.promptAccepted(event.promptTokens, event.cachedTokens);
        share.add(event.promptTokens);
      } else if (event.kind === 'text') {
        if (lastTokenAt === undefined) metrics.firstToken((now - arrivedAt) / 1000);
        else metrics.nextToken((now - lastTokenAt) / 1000);
        lastTokenAt = now;
        share.add(event.tokens);
      } else if (event.kind === 'done') {
        metrics.generated(event.usage.completionTokens);
        metrics.finished(event.finishReason, (now - arrivedAt) / 1000);
      }
      yield event;
    }
    if (serving.cutOff.aborted) throw errors.streamInterrupted(model);
  } catch (error) {
    throw toAnswer(error, model, started);
  } finally {
    share.leave();
    pass.leave();
  }
}

/** The answer to a request that comes when the worker is about to go: whoever sent it may send it to another at once. */
export function refusedToDrain(): HttpError {
  return errors.draining().withHeaders({ connection: 'close', [drainingHeader]: 'true' });
}

function toAnswer(error: unknown, model: string, started: boolean): unknown {
  if (error instanceof RefusedError) {
    const { refusal } = error;
    return refusal.kind === 'contextLength'
      ? errors.contextLengthExceeded(refusal.limit, refusal.asked)
      : errors.invalidRequest(refusal.message);
  }
  if (!(error instanceof Failure)) return error;
  // Nothing has been answered yet: another replica may take the request.
  const answer: HttpError = started ? errors.streamInterrupted(model) : errors.modelUnavailable(model);
  return answer.withCause(error);
}
