import { z } from 'zod';
import { int32 } from './fields.ts';

/** A number of tokens in a day or a month: more than 32 bits can hold. */
const manyTokens = z.int().min(1).max(1_000_000_000_000_000).meta({ format: 'int64' });

/** Limits of a tenant, of one of its keys, or of one model for it; what is absent is not limited. */
const rates = {
  requestsPerMinute: int32(1, 1_000_000_000).describe('Requests in any 60 seconds; those that are refused do not count.').exactOptional(),
  tokensPerMinute: int32(1, 1_000_000_000)
    .describe('Tokens of prompts and answers: so many at once, and as many again over each minute.')
    .exactOptional(),
  concurrency: int32(1, 1_000_000).describe('Requests that are waiting or running at the same time.').exactOptional(),
  tokensPerDay: manyTokens.describe('Tokens of prompts and answers in a day of UTC.').exactOptional(),
  tokensPerMonth: manyTokens.describe('Tokens of prompts and answers in a calendar month of UTC.').exactOptional(),
};

export const keyLimits = z.object(rates);

const policy = z.enum(['LocalShare', 'Refuse']);

const outagePolicies = z.object({
  requestsPerMinute: policy.default('LocalShare').describe('For `requestsPerMinute`.'),
  tokensPerMinute: policy.default('LocalShare').describe('For `tokensPerMinute`.'),
  concurrency: policy.default('LocalShare').describe('For `concurrency`.'),
  tokensPerDay: policy.default('Refuse').describe('For `tokensPerDay`.'),
  tokensPerMonth: policy.default('Refuse').describe('For `tokensPerMonth`.'),
});

export const tenantLimits = z.object({
  ...rates,
  perModel: z
    .array(z.object({ model: z.string().min(1).max(253).describe('A public name of the model, or `namespace/name`.'), ...rates }))
    .max(64)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['model'] })
    .describe('Limits of this tenant for single models, beside those for all of them.')
    .exactOptional(),
  onOutage: outagePolicies
    .describe(
      'What each limit does while the store that gateways share cannot be reached: `LocalShare` lets each gateway admit its part of the limit, `Refuse` answers 503.',
    )
    .exactOptional(),
});

/** Limits as they are written; absent ones do not limit. */
export type Rates = z.infer<typeof keyLimits>;
/** What a limit does while the shared store is gone. */
export type OutagePolicy = z.infer<typeof policy>;
export type LimitName = keyof Rates;

/** The policy of each limit where the tenant does not write one. */
export const defaultOutagePolicies: Readonly<Record<LimitName, OutagePolicy>> = outagePolicies.parse({});
