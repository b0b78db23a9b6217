import type { CachedAnswer } from '../cache/answer-cache.ts';
import { cacheHeader, cacheKey, mayReuse } from '../cache/cache-key.ts';
import { AnswerRecorder } from '../cache/recorder.ts';
import { type Exchange, given } from '../exchange.ts';
import { downstreamHeaders } from '../headers.ts';
import type { Stage } from '../pipeline.ts';

/** Gives an answer that was given before, to the same request of the same tenant; else keeps the one that comes. */
export const cache: Stage = (exchange, { responseCache, clock }) => {
  const { limits } = given(exchange.model).spec;
  const { cacheTtlMs } = limits;
  if (cacheTtlMs === undefined || !responseCache) return;
  const { path, fields, request } = exchange;
  const header = request.headers[cacheHeader];
  const temperature = fields.temperature ?? limits.temperature;
  if (!mayReuse({ header: typeof header === 'string' ? header : undefined, path, temperature })) return;
  const key = keyOf(exchange);
  if (key === undefined) return;

  const now = clock.now();
  const finish = (found: CachedAnswer | undefined): undefined => {
    exchange.cache = found ? 'hit' : 'miss';
    exchange.answerHeaders.push(cacheHeader, exchange.cache);
    if (found) {
      if (!exchange.gone) give(exchange, found, now);
      return;
    }
    exchange.recorder = new AnswerRecorder(responseCache.maxAnswerBytes, (contentType, body) => {
      responseCache.set(key, { contentType, body, storedAt: clock.now() }, cacheTtlMs);
    });
  };
  const found = responseCache.get(key, now);
  return found instanceof Promise ? found.then(finish) : finish(found);
};

function give(exchange: Exchange, { contentType, storedAt, body }: CachedAnswer, now: number): void {
  // The clock of the gateway that kept it may be ahead.
  const age = String(Math.max(0, Math.floor((now - storedAt) / 1000)));
  const headers = ['content-type', contentType, 'age', age, 'cache-control', 'no-cache'];
  exchange.response.writeHead(200, [...downstreamHeaders(exchange, headers), 'content-length', String(body.length)]).end(body);
  exchange.outcome = 200;
  exchange.answered = true;
}

function keyOf({ caller, model, path, fields, changes }: Exchange): string | undefined {
  return cacheKey({ tenant: given(caller).tenant, model: given(model).spec.key, path, fields, changes });
}
