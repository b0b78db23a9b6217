import { given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import { shapeRequest } from '../surface/shape.ts';
import { spliceFields } from '../surface/splice.ts';

/** Gives the request what its deployment asks for: defaults, the cap on the answer, the system prompt; and asks streams for their usage. */
export const shape: Stage = (exchange) => {
  const wanted = shapeRequest(exchange.path, exchange.fields, given(exchange.model).spec.limits);
  if (!wanted) return;
  exchange.body = spliceFields(exchange.body, exchange.fields, wanted.changes);
  exchange.meter.strip = wanted.stripUsage;
};
