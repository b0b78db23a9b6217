import { given } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import { chatOfResponse } from '../surface/responses-request.ts';
import { ResponseTranslator } from '../surface/responses-stream.ts';

/** Asks for a chat where the worker knows no responses. */
export const translate: Stage = (exchange) => {
  if (given(exchange.model).spec.servesResponses) return;
  const fields = chatOfResponse(exchange.fields);
  exchange.translation = { path: '/v1/chat/completions', fields, answer: new ResponseTranslator(exchange.fields) };
  exchange.body = Buffer.from(JSON.stringify(fields));
};
