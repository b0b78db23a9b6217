import { errors, HttpError } from '../../core/errors.ts';
import { describeError } from '../../core/failure.ts';
import { type AttemptResult, attempt } from '../attempt.ts';
import { CallerGone, type Exchange, given } from '../exchange.ts';
import type { Model } from '../models.ts';
import type { Services, Stage } from '../pipeline.ts';
import type { Lease } from '../place.ts';
import { type AttemptFailure, mayRetry } from '../policies/retry.ts';
import type { Replica } from '../replica.ts';
import { termsOf } from '../terms.ts';
import { takeTurn } from './pick.ts';

/** What the replicas did that a request has been sent to in vain, the newest last, and the epoch of each: none of them is asked again. */
type Past = { readonly failures: readonly AttemptFailure[]; readonly avoided: ReadonlyMap<Replica, number> };

const untried: Past = { failures: [], avoided: new Map() };

/** Sends the request to the picked replica; while nothing of an answer has reached the caller, another replica may take over. */
export const forward: Stage = (exchange, services) => tryOn(exchange, services, given(exchange.lease), untried);

/** Most requests are answered at the first try: what only a failure needs is made when there is one. */
function tryOn(exchange: Exchange, services: Services, lease: Lease, past: Past): Promise<undefined> {
  const model = given(exchange.model);
  const { replica } = lease;
  return attempt(exchange, {
    replica,
    limits: model.spec.limits,
    clock: services.clock,
    mayRetry: (failure) => mayGoOn(model, replica, withFailure(past, failure, lease)),
  }).then((result) => {
    conclude(exchange, services, lease, result);
    if (result.kind === 'answered') return undefined;
    if (result.kind === 'refused') throw result.error;
    return tryAnother(exchange, services, lease, result.failure, past);
  });
}

/** Tells the line how the replica did, gives its slot to the next, and logs an answer that broke off. */
function conclude(exchange: Exchange, { logger }: Services, lease: Lease, result: AttemptResult): void {
  const { line, spec } = given(exchange.model);
  const { replica } = lease;
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
  const broke = brokeOff(result);
  if (broke) logger.warn({ ...told(exchange, lease), failure: describeError(broke.cause ?? broke) }, 'an answer broke off');
}

/** Joins the line again for another replica. */
async function tryAnother(exchange: Exchange, services: Services, lease: Lease, failure: AttemptFailure, before: Past): Promise<undefined> {
  const { clock, logger, models } = services;
  const model = given(exchange.model);
  const past = withFailure(before, failure, lease);
  const harmless = failure.kind === 'left' || failure.kind === 'loading';
  if (harmless) logger.debug({ ...told(exchange, lease), failure: failure.kind }, 'a replica that cannot serve sent a request away');
  else logger.warn({ ...told(exchange, lease), failure: tell(failure) }, 'replica failed');
  if (!mayGoOn(model, lease.replica, past)) throw upstreamFailed(exchange, failure);

  if (!harmless) exchange.retries += 1;
  const place = model.line.rejoin(termsOf(exchange, clock.now()), past.avoided);
  exchange.onEnd(() => place.leave('unavailable'));
  exchange.lease = await takeTurn(exchange, place, models);
  if (exchange.gone) throw new CallerGone();
  return tryOn(exchange, services, exchange.lease, past);
}

function withFailure({ failures, avoided }: Past, failure: AttemptFailure, { replica, epoch }: Lease): Past {
  return { failures: [...failures, failure], avoided: new Map(avoided).set(replica, epoch) };
}

/** Whether a request may go to another replica after what the last one, `replica`, did. */
function mayGoOn({ line }: Model, replica: Replica, { failures, avoided }: Past): boolean {
  return mayRetry(failures, { hasOther: line.hasOther(avoided), hopeful: !replica.ready });
}

function told({ id, model }: Exchange, { replica }: Lease) {
  return { requestId: id, model: given(model).spec.key, replica: replica.name };
}

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
