import { errors } from '../../core/errors.ts';
import { given } from '../exchange.ts';
import { mayUse } from '../identity/account.ts';
import { baseName } from '../models.ts';
import type { Stage } from '../pipeline.ts';

/** Refuses models that the tenant may not use, in the words for models that do not exist: nobody learns the names of others. */
export const authorise: Stage = (exchange) => {
  const { model: called } = given(exchange.call);
  const model = given(exchange.model);
  if (!mayUse(given(exchange.caller).models, baseName(called, model), model.spec)) throw errors.modelNotFound(called);
};
