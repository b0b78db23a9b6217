import { given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import { shapeRequest } from '../surface/shape.ts';
import { spliceFields } from '../surface/splice.ts';

/** Gives the request what its deployment asks for: defaults, the cap on the answer, the system prompt; and asks streams for their usage. */
export const shape: Stage = (exchange) => {
  const { translation } = exchange;
  const { path, fields } = translation ?? exchange;
  const wanted = shapeRequest(path, fields, given(exchange.model).spec.limits);
  if (!wanted) return;
  exchange.changes = wanted.changes;
  exchange.body = spliceFields(exchange.body, fields, wanted.changes);
  // Who translates needs the usage, and gives the caller none of its events.
  exchange.meter.strip = wanted.stripUsage && !translation;
};
