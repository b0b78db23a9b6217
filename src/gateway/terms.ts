import { type Exchange, given } from './exchange.ts';
import { wantsHeartbeats } from './heartbeat.ts';
import type { Terms } from './place.ts';
import { affinityKey, sessionHeader, sessionKey } from './policies/affinity.ts';
import { estimatePromptTokens, expectTokens } from './policies/tokens.ts';

const responsesPath = '/v1/responses';

/** What a request brings into the line, whenever it joins: within the time that it has left. */
export function termsOf(exchange: Exchange, now: number): Terms {
  const { spec, line, adapter } = given(exchange.model);
  const { limits } = spec;
  const { tenant, weight, priority } = given(exchange.caller);
  return {
    // Whoever hears how it loads knows what he waits for.
    holdMs: wantsHeartbeats(exchange) ? limits.requestTimeoutMs : limits.holdTimeoutMs,
    queueMs: limits.queueTimeoutMs,
    totalMs: limits.requestTimeoutMs - (now - exchange.arrivedAt),
    tenant,
    weight,
    priority,
    promptTokens: estimatePromptTokens(exchange.body.length),
    affinity: affinityOf(exchange, limits.balancing),
    home: isKept(exchange) ? line.experience.homes.find(exchange.fields.previous_response_id) : undefined,
    adapter,
    tokens: expectTokens(exchange.body.length, given(exchange.call).maxTokens, limits.maxOutputTokens, line.experience.usualOutput),
  };
}

function affinityOf(exchange: Exchange, balancing: 'LeastLoad' | 'PrefixAffinity' | undefined): number | undefined {
  // What follows upon a response finds it in one replica alone, and a gateway that did not pass it on does not know in which.
  const keyOf = balancing === 'PrefixAffinity' ? affinityKey : isKept(exchange) ? sessionKey : undefined;
  return keyOf?.(given(exchange.caller).tenant, exchange.fields, headerText(exchange.request.headers[sessionHeader]));
}

/** Whether the replica may keep what it answers. */
function isKept({ path, translation }: Exchange): boolean {
  return path === responsesPath && !translation;
}

/** A header that came more than once is joined by node:http, all but a few of its own. */
function headerText(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
