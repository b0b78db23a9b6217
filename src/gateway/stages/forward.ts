import { errors, HttpError } from '../../core/errors.ts';
import { describeError } from '../../core/failure.ts';
import { type AttemptResult, attempt } from '../attempt.ts';
import { CallerGone, type Exchange, given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import { type AttemptFailure, mayRetry } from '../policies/retry.ts';
import type { Replica } from '../replica.ts';
import { termsOf } from '../terms.ts';
import { takeTurn } from './pick.ts';

/** Sends the request to the picked replica; while nothing of an answer has reached the caller, another replica may take over. */
export const forward: Stage = async (exchange, { clock, logger, models }) => {
  const { line, spec } = given(exchange.model);
  const failures: AttemptFailure[] = [];
  const avoided = new Map<Replica, number>();

  for (;;) {
    const lease = given(exchange.lease);
    const { replica, epoch } = lease;
    const prospects = () => ({ hasOther: line.hasOther(new Map(avoided).set(replica, epoch)), hopeful: !replica.ready });
    const result = await attempt(exchange, {
      replica,
      limits: spec.limits,
      clock,
      mayRetry: (failure) => mayRetry([...failures, failure], prospects()),
    });
    // Before its slot is free: a replica that leaves gets nobody more from the line, also when the cluster has not told yet.
    if (result.kind === 'failed' && result.failure.kind === 'left') replica.ready = false;
    if (result.kind === 'failed' && result.failure.kind === 'loading') line.rest(replica);
    const verdict = verdictOn(result, exchange.outcome);
    if (verdict && line.judge(lease, verdict))
      logger.warn({ model: spec.key, replica: replica.name }, 'a replica that keeps failing is left alone for a while');
    const usage = exchange.meter.read(exchange.body.length);
    if (usage) lease.settle(usage.promptTokens, usage.completionTokens);
    if (usage && result.kind === 'answered' && exchange.outcome === 200) line.experience.noteOutput(usage.completionTokens);
    lease.release(result.kind !== 'failed');
    const told = () => ({ requestId: exchange.id, model: spec.key, replica: replica.name });
    const broke = brokeOff(result);
    if (broke) logger.warn({ ...told(), failure: describeError(broke.cause ?? broke) }, 'an answer broke off');
    if (result.kind === 'answered') return;
    if (result.kind === 'refused') throw result.error;

    const { failure } = result;
    failures.push(failure);
    const harmless = failure.kind === 'left' || failure.kind === 'loading';
    if (harmless) logger.debug({ ...told(), failure: failure.kind }, 'a replica that cannot serve sent a request away');
    else logger.warn({ ...told(), failure: tell(failure) }, 'replica failed');
    if (!mayRetry(failures, prospects())) throw upstreamFailed(exchange, failure);

    avoided.set(replica, epoch);
    if (!harmless) exchange.retries += 1;
    const place = line.rejoin(termsOf(exchange, clock.now()), avoided);
    exchange.onEnd(() => place.leave('unavailable'));
    exchange.lease = await takeTurn(exchange, place, models);
    if (exchange.gone) throw new CallerGone();
  }
};

/** Why an answer did not come to its end, unless it is this gateway that ends; what is retried is told elsewhere. */
function brokeOff(result: AttemptResult): HttpError | undefined {
  const error = result.kind === 'answered' ? result.broke : result.kind === 'refused' ? result.error : undefined;
  return error instanceof HttpError && error.status !== 503 ? error : undefined;
}

/** How the replica did; undefined when it was not its doing: the caller left, or the replica is about to go or to load. */
function verdictOn(result: AttemptResult, outcome: number): 'answered' | 'failed' | undefined {
  switch (result.kind) {
    case 'answered':
      return outcome >= 500 ? 'failed' : 'answered';
    case 'failed':
      return result.failure.kind === 'left' || result.failure.kind === 'loading' ? undefined : 'failed';
    case 'refused':
      return result.error instanceof HttpError && result.error.status !== 503 ? 'failed' : undefined;
  }
}

function upstreamFailed(exchange: Exchange, failure: AttemptFailure): Error {
  const error = errors.upstreamFailed(given(exchange.call).model);
  return 'cause' in failure ? error.withCause(failure.cause) : error;
}

function tell(failure: Exclude<AttemptFailure, { kind: 'left' | 'loading' }>): string {
  return failure.kind === 'status' ? `it answered ${failure.status}` : `${failure.kind}: ${describeError(failure.cause)}`;
}
