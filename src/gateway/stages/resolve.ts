import { errors } from '../../core/errors.ts';
import { given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';

/** Finds the deployment behind the name in `model`. */
export const resolve: Stage = (exchange, { models }) => {
  const { model: name } = given(exchange.call);
  const model = models.find(name);
  if (!model) throw errors.modelNotFound(name);
  exchange.model = model;
};
