import { given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import { termsOf } from '../terms.ts';

/** Takes a place in the line of the model. Whoever leaves or is cut off gives it up, with the slot that may have come. */
export const queue: Stage = (exchange, { clock }) => {
  const now = clock.now();
  const place = given(exchange.model).line.join(termsOf(exchange, now), now);
  exchange.place = place;
  exchange.onEnd(() => place.leave('unavailable'));
};
