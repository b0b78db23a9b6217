import { errors } from '../../core/errors.ts';
import { given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import { isNestedWithin } from '../surface/nesting.ts';
import { chatOfResponse } from '../surface/responses-request.ts';
import { ResponseTranslator } from '../surface/responses-stream.ts';

/** A request that is written anew is no deeper than any schema of a function is. */
const maxLevels = 128;

/** Asks for a chat where the worker knows no responses. */
export const translate: Stage = (exchange) => {
  if (given(exchange.model).spec.servesResponses) return;
  if (!isNestedWithin(exchange.fields, maxLevels)) throw errors.invalidRequest('The request is nested too deep.');
  const fields = chatOfResponse(exchange.fields);
  exchange.translation = { path: '/v1/chat/completions', fields, answer: new ResponseTranslator(exchange.fields) };
  exchange.body = Buffer.from(JSON.stringify(fields));
};
