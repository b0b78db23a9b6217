import { errors } from '../../core/errors.ts';
import { sendJson } from '../answers.ts';
import { given } from '../exchange.ts';
import { mayUse } from '../identity/account.ts';
import { baseName, type Model } from '../models.ts';
import type { Stage } from '../pipeline.ts';
import { modelState } from '../surface/model-state.ts';

/** Path of one model: this and its id. */
export const modelPathPrefix = '/v1/models/';

/** `GET /v1/models`: the public names that resolve and that the caller may use, in OpenAI's list shape. */
export const listModels: Stage = (exchange, { models }) => {
  const { models: allowed } = given(exchange.caller);
  const data = models.served().flatMap(({ id }) => {
    const model = models.find(id);
    return model !== undefined && mayUse(allowed, baseName(id, model), model.spec) ? [modelObject(id, model)] : [];
  });
  sendJson(exchange, 200, { object: 'list', data });
};

/** `GET /v1/models/{id}`; the id may be written with its slash or with %2F. */
export const describeModel: Stage = (exchange, { models }) => {
  const id = decodeId(exchange.path.slice(modelPathPrefix.length));
  const model = models.find(id);
  if (!model || !mayUse(given(exchange.caller).models, baseName(id, model), model.spec)) throw errors.modelNotFound(id);
  sendJson(exchange, 200, modelObject(id, model));
};

function decodeId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not an encoded name, so it names nothing
  }
}

function modelObject(id: string, model: Model): object {
  const created = Math.floor(model.spec.createdAt / 1000);
  return { id, object: 'model', created, owned_by: 'modelfleet', modelfleet: modelState(model) };
}
