import { errors, type HttpError } from '../../core/errors.ts';
import { CallerGone, type Exchange, given } from '../exchange.ts';
import type { Lease, ModelLine, Place } from '../line.ts';
import type { Models } from '../models.ts';
import type { Stage } from '../pipeline.ts';
import type { Refusal } from '../policies/admission.ts';

/** Seconds after which to try again a model of which nothing better is known. */
const retryUnknownSeconds = 5;

/** Waits until a replica has a free slot: which one is decided only then. */
export const pick: Stage = (exchange, { clock, models }) => {
  const turn = takeTurn(exchange, given(exchange.place), models);
  const granted = (lease: Lease): undefined => {
    exchange.lease = lease;
    exchange.leasedAt = clock.now();
  };
  return turn instanceof Promise ? turn.then(granted) : granted(turn);
};

/** The slot for this place, now or when it comes; throws the answer for whoever gets none. */
export function takeTurn(exchange: Exchange, place: Place, models: Models): Lease | Promise<Lease> {
  const turn = place.wait();
  if (!(turn instanceof Promise)) {
    if (turn.kind === 'lease') return turn.lease;
    throw refused(exchange, turn.why, models);
  }
  exchange.onCut = () => place.leave('unavailable');
  return turn.then((settled) => {
    exchange.onCut = undefined;
    if (exchange.gone) {
      if (settled.kind === 'lease') settled.lease.release();
      throw new CallerGone();
    }
    if (settled.kind === 'lease') return settled.lease;
    throw refused(exchange, settled.why, models);
  });
}

function refused(exchange: Exchange, why: Refusal, models: Models): HttpError {
  const { model: name } = given(exchange.call);
  const { spec, line } = given(exchange.model);
  // What was known at the arrival may be a minute old.
  const etaSeconds = models.find(spec.key)?.spec.etaSeconds;
  return refusalAnswer(why, name, line, etaSeconds);
}

/** The answer to a request that got no slot, with the time after which another try makes sense. */
function refusalAnswer(
  why: Refusal,
  name: string,
  line: Pick<ModelLine, 'readyReplicas' | 'expectedWaitSeconds'>,
  etaSeconds: number | undefined,
): HttpError {
  switch (why) {
    case 'deleted':
      return errors.modelNotFound(name);
    case 'unavailable':
      return errors.modelUnavailable(name).withHeaders(retryAfter(retryUnknownSeconds));
    case 'full':
      return errors.queueFull(name).withHeaders(retryAfter(line.readyReplicas > 0 ? line.expectedWaitSeconds : retryUnknownSeconds));
    case 'overdue':
      if (line.readyReplicas > 0) return errors.queueTimeout(name).withHeaders(retryAfter(line.expectedWaitSeconds));
      return errors.modelLoading(name, etaSeconds).withHeaders(retryAfter(etaSeconds ?? retryUnknownSeconds));
  }
}

function retryAfter(seconds: number): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil(seconds))) };
}
