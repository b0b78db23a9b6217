import { given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';

/** Takes a place in the line of the model. Whoever leaves or is cut off gives it up, with the slot that may have come. */
export const queue: Stage = (exchange, { clock }) => {
  const { spec, line } = given(exchange.model);
  const spentMs = clock.now() - exchange.arrivedAt;
  const place = line.join(Math.min(spec.limits.queueTimeoutMs, spec.limits.requestTimeoutMs - spentMs));
  exchange.place = place;
  exchange.onEnd(() => place.leave('unavailable'));
};
