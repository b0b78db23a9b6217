import { cacheHeader, cacheKey, mayReuse } from '../cache/cache-key.ts';
import { AnswerRecorder } from '../cache/recorder.ts';
import { type Exchange, given } from '../exchange.ts';
import { downstreamHeaders } from '../headers.ts';
import type { Stage } from '../pipeline.ts';

/** Gives an answer that was given before, to the same request of the same tenant; else keeps the one that comes. */
export const cache: Stage = (exchange, { responseCache, clock }) => {
  const { limits } = given(exchange.model).spec;
  if (limits.cacheTtlMs === undefined || !responseCache) return;
  const { path, fields, request } = exchange;
  const header = request.headers[cacheHeader];
  const temperature = fields.temperature ?? limits.temperature;
  if (!mayReuse({ header: typeof header === 'string' ? header : undefined, path, temperature })) return;
  const key = keyOf(exchange);
  if (key === undefined) return;

  const now = clock.now();
  const found = responseCache.get(key, now);
  exchange.cache = found ? 'hit' : 'miss';
  exchange.answerHeaders.push(cacheHeader, exchange.cache);
  if (found) {
    const age = String(Math.floor((now - found.storedAt) / 1000));
    const headers = { 'content-type': found.contentType, age, 'cache-control': 'no-cache' };
    exchange.response
      .writeHead(200, [...downstreamHeaders(exchange, headers), 'content-length', String(found.body.length)])
      .end(found.body);
    exchange.outcome = 200;
    exchange.answered = true;
    return;
  }
  const { cacheTtlMs } = limits;
  exchange.recorder = new AnswerRecorder(responseCache.maxAnswerBytes, (contentType, body) => {
    responseCache.set(key, { contentType, body, storedAt: clock.now() }, cacheTtlMs);
  });
};

function keyOf({ caller, model, path, fields, changes }: Exchange): string | undefined {
  return cacheKey({ tenant: given(caller).tenant, model: given(model).spec.key, path, fields, changes });
}
