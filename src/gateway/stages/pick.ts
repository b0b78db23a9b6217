import { errors, type HttpError } from '../../core/errors.ts';
import { CallerGone, type Cut, type Exchange, given } from '../exchange.ts';
import { heartbeats, wantsHeartbeats } from '../heartbeat.ts';
import type { Model, Models } from '../models.ts';
import type { Stage } from '../pipeline.ts';
import type { Lease, Place, Turn } from '../place.ts';
import type { Refusal } from '../policies/admission.ts';

/** Seconds after which to try again a model of which nothing better is known. */
const retryUnknownSeconds = 5;

/** Waits until a replica has a free slot: which one is decided only then. */
export const pick: Stage = (exchange, { models }) => {
  const turn = takeTurn(exchange, given(exchange.place), models);
  if (turn instanceof Promise) return turn.then((lease) => hold(exchange, lease));
  hold(exchange, turn);
};

function hold(exchange: Exchange, lease: Lease): undefined {
  exchange.lease = lease;
  exchange.leasedAt = lease.grantedAt;
}

/** The slot for this place, now or when it comes; throws the answer for whoever gets none. */
export function takeTurn(exchange: Exchange, place: Place, models: Models): Lease | Promise<Lease> {
  const turn = place.wait();
  if (!(turn instanceof Promise)) {
    if (turn.kind === 'lease') return turn.lease;
    throw refused(exchange, place, turn.why, models);
  }
  return waitFor(turn, exchange, place, models);
}

/** A function of its own, so that who need not wait pays nothing for its closures. */
function waitFor(turn: Promise<Turn>, exchange: Exchange, place: Place, models: Models): Promise<Lease> {
  const stopBeating = wantsHeartbeats(exchange) ? heartbeats(exchange, place, models) : undefined;
  let cut: Cut | undefined;
  exchange.running = {
    cut(why) {
      cut = why;
      place.leave('unavailable');
    },
  };
  return turn.then((settled) => {
    stopBeating?.();
    exchange.running = undefined;
    exchange.wasHeld ||= place.wasHeld;
    if (exchange.gone) {
      if (settled.kind === 'lease') settled.lease.release(false);
      throw new CallerGone();
    }
    if (settled.kind === 'lease') return settled.lease;
    // It is this gateway that ends, whatever the model does.
    throw cut === 'closing' ? errors.draining() : refused(exchange, place, settled.why, models);
  });
}

function refused(exchange: Exchange, place: Place, why: Refusal, models: Models): HttpError {
  const { model: name } = given(exchange.call);
  const model = given(exchange.model);
  // What was known at the arrival may be a minute old.
  return refusalAnswer(why, name, place, models.find(model.spec.key) ?? model);
}

/** The answer to a request that got no slot, with the time after which another try makes sense. */
function refusalAnswer(why: Refusal, name: string, place: Place, { spec, line }: Model): HttpError {
  const etaSeconds = spec.loading?.etaSeconds;
  const isReady = line.readyReplicas > 0;
  const secondsToReady = etaSeconds ?? retryUnknownSeconds;
  switch (why) {
    case 'deleted':
      return errors.modelNotFound(name);
    case 'unavailable':
      return errors.modelUnavailable(name).withHeaders(retryAfter(retryUnknownSeconds));
    case 'scaledToZero': {
      const [namespace = '', deployment = ''] = spec.key.split('/');
      return errors.modelAtZero(name, namespace, deployment).withHeaders(retryAfter(retryUnknownSeconds));
    }
    case 'full':
      return errors.queueFull(name).withHeaders(retryAfter(isReady ? line.expectedWaitSeconds(place) : secondsToReady));
    case 'overdue':
      if (isReady) return errors.queueTimeout(name).withHeaders(retryAfter(line.expectedWaitSeconds(place)));
      return errors.modelLoading(name, etaSeconds).withHeaders(retryAfter(secondsToReady));
  }
}

function retryAfter(seconds: number): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil(seconds))) };
}
