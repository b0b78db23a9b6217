import { type Exchange, given } from './exchange.ts';
import { wantsHeartbeats } from './heartbeat.ts';
import type { Terms } from './place.ts';
import { affinityKey, sessionHeader } from './policies/affinity.ts';
import { estimatePromptTokens, expectTokens } from './policies/tokens.ts';

/** What a request brings into the line, whenever it joins: within the time that it has left. */
export function termsOf(exchange: Exchange, now: number): Terms {
  const { spec, line } = given(exchange.model);
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
    affinity:
      limits.balancing === 'PrefixAffinity'
        ? affinityKey(tenant, exchange.fields, headerText(exchange.request.headers[sessionHeader]))
        : undefined,
    tokens: expectTokens(exchange.body.length, given(exchange.call).maxTokens, limits.maxOutputTokens, line.usualOutput),
  };
}

/** A header that came more than once is joined by node:http, all but a few of its own. */
function headerText(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
