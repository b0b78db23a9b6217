import { errors } from '../../core/errors.ts';
import { given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import { ResponseSighting } from '../response-homes.ts';
import { isNestedWithin } from '../surface/nesting.ts';
import { chatOfResponse } from '../surface/responses-request.ts';
import { ResponseTranslator } from '../surface/responses-stream.ts';

/** A request that is written anew is no deeper than any schema of a function is. */
const maxLevels = 128;

/** Asks for a chat where the worker knows no responses; else notes where the response is that comes. */
export const translate: Stage = (exchange) => {
  const { spec, line } = given(exchange.model);
  if (spec.servesResponses) {
    exchange.sighting = new ResponseSighting((response) => {
      if (exchange.lease) line.experience.homes.remember(response, exchange.lease.replica.id);
    });
    return;
  }
  if (!isNestedWithin(exchange.fields, maxLevels)) throw errors.invalidRequest('The request is nested too deep.');
  const fields = chatOfResponse(exchange.fields);
  exchange.translation = { path: '/v1/chat/completions', fields, answer: new ResponseTranslator(exchange.fields) };
  exchange.body = Buffer.from(JSON.stringify(fields));
};
