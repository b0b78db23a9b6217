import { isUtf8 } from 'node:buffer';
import { errors } from '../../core/errors.ts';
import { isJsonObject } from '../../core/json.ts';
import type { Call } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import { isLight } from '../surface/weight.ts';

/** A conversation of fifty thousand turns has no more objects, arrays and texts. */
const maxParts = 250_000;

/** Longer names than a deployment can have are refused before they reach an error message. */
const maxModelLength = 512;

/** Reads model, stream and max_tokens from the body. */
export const parse: Stage = (exchange) => {
  exchange.fields = parseBody(exchange.body);
  exchange.call = readCall(exchange.fields);
};

/** What the gateway has to know of a request's body. Throws a 400 that names the field; all else is the worker's to judge. */
export function readCall({ model, stream, max_tokens, max_completion_tokens, max_output_tokens }: Readonly<Record<string, unknown>>): Call {
  if (model === undefined || model === null) throw errors.invalidRequest('You must provide a model parameter.').withParam('model');
  if (typeof model !== 'string' || model === '' || model.length > maxModelLength) {
    throw errors.invalidRequest(`\`model\` must be a string of 1 to ${maxModelLength} characters.`).withParam('model');
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw errors.invalidRequest('`stream` must be true or false.').withParam('stream');
  }
  const maxTokens =
    parseCount('max_completion_tokens', max_completion_tokens) ??
    parseCount('max_tokens', max_tokens) ??
    parseCount('max_output_tokens', max_output_tokens);
  return { model, stream: stream === true, maxTokens };
}

/** The body's fields. Throws a 400 when it is not a JSON object. */
export function parseBody(body: Buffer): Record<string, unknown> {
  if (body.length === 0) throw errors.malformedJson('it is empty');
  if (!isUtf8(body)) throw errors.malformedJson('it is not UTF-8');
  if (!isLight(body, maxParts)) throw errors.invalidRequest(`The request has more than ${maxParts} objects, arrays and texts.`);
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    // The parser's own words quote the body, and a prompt must not get into logs: say only that it failed.
    throw errors.malformedJson('it cannot be parsed').withCause(error);
  }
  if (!isJsonObject(value)) throw errors.malformedJson('it is not an object');
  return value;
}

function parseCount(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw errors.invalidRequest(`\`${name}\` must be a whole number, 0 or more.`).withParam(name);
}
