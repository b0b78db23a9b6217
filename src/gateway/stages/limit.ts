import { type Exchange, given } from '../exchange.ts';
import type { Account } from '../identity/account.ts';
import type { Gate } from '../limits/gate.ts';
import { limitHeaders } from '../limits/headers.ts';
import { limitRefusal, worstOf } from '../limits/refusal.ts';
import type { Demand, Verdict } from '../limits/store.ts';
import { baseName, type Model } from '../models.ts';
import type { Services, Stage } from '../pipeline.ts';
import { estimateTokens } from '../policies/tokens.ts';
import { usageOf } from '../usage/record.ts';

/** Reserves what the request may cost with all limits that it must pass, and settles it when the answer has ended. */
export const limit: Stage = (exchange, services) => {
  const model = given(exchange.model);
  const gates = gatesFor(given(exchange.caller), baseName(given(exchange.call).model, model), model);
  if (gates.length === 0) return;
  const { spec, line } = model;
  const { maxTokens } = given(exchange.call);
  const tokens = estimateTokens(exchange.body.length, maxTokens, spec.limits.maxOutputTokens, line.experience.usualOutput);
  const demand: Demand = { gates, tokens };
  const verdict = services.limits.reserve(demand);
  return verdict instanceof Promise
    ? verdict.then((told) => obey(exchange, services, demand, told))
    : obey(exchange, services, demand, verdict);
};

function obey(exchange: Exchange, { limits, metrics }: Services, demand: Demand, { granted, readings, at }: Verdict): undefined {
  if (granted && exchange.gone) {
    limits.settle(demand, at, 0); // its end has passed already
    return;
  }
  exchange.answerHeaders.push(...limitHeaders(readings));
  if (granted) {
    exchange.onEnd(() => limits.settle(demand, at, cost(exchange)));
    return;
  }
  const worst = worstOf(readings);
  metrics.refused(worst.gate);
  throw limitRefusal(worst);
}

/** All gates between a caller and a model. A limit for one model holds by whatever name the model is called. */
function gatesFor({ gates, perModel }: Account, called: string, { spec }: Model): readonly Gate[] {
  let all = gates;
  for (const { model, gates: own } of perModel) {
    if (model === called || model === spec.key || spec.names.includes(model)) all = [...all, ...own];
  }
  return all;
}

function cost(exchange: Exchange): number {
  const usage = usageOf(exchange);
  return usage ? usage.promptTokens + usage.completionTokens : 0;
}
