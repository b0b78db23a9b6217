import { errors } from '../../core/errors.ts';
import { describeError } from '../../core/failure.ts';
import { attempt } from '../attempt.ts';
import { CallerGone, type Exchange, given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import { type AttemptFailure, mayRetry } from '../policies/retry.ts';
import type { Replica } from '../replica.ts';
import { takeTurn } from './pick.ts';

/** Sends the request to the picked replica; while nothing of an answer has reached the caller, another replica may take over. */
export const forward: Stage = async (exchange, { clock, logger, models }) => {
  const { line, spec } = given(exchange.model);
  const failures: AttemptFailure[] = [];
  const avoided = new Map<Replica, number>();

  for (;;) {
    const lease = given(exchange.lease);
    const { replica, epoch } = lease;
    const result = await attempt(exchange, {
      replica,
      limits: spec.limits,
      clock,
      mayRetry: (failure) => mayRetry([...failures, failure], line.hasOther(new Map(avoided).set(replica, epoch))),
    });
    lease.release();
    if (result.kind === 'answered') return;
    if (result.kind === 'refused') throw result.error;

    failures.push(result.failure);
    avoided.set(replica, epoch);
    logger.warn({ requestId: exchange.id, model: spec.key, replica: replica.name, failure: tell(result.failure) }, 'replica failed');
    if (!mayRetry(failures, line.hasOther(avoided))) throw upstreamFailed(exchange, result.failure);

    exchange.retries += 1;
    const spentMs = clock.now() - exchange.arrivedAt;
    const place = line.rejoin(Math.min(spec.limits.queueTimeoutMs, spec.limits.requestTimeoutMs - spentMs), avoided);
    exchange.onEnd(() => place.leave('unavailable'));
    exchange.lease = await takeTurn(exchange, place, models);
    if (exchange.gone) throw new CallerGone();
  }
};

function upstreamFailed(exchange: Exchange, failure: AttemptFailure): Error {
  const error = errors.upstreamFailed(given(exchange.call).model);
  return failure.kind === 'status' ? error : error.withCause(failure.cause);
}

function tell(failure: AttemptFailure): string {
  return failure.kind === 'status' ? `it answered ${failure.status}` : `${failure.kind}: ${describeError(failure.cause)}`;
}
