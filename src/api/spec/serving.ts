import { z } from 'zod';
import { duration, int32, text } from '../fields.ts';

/** How requests are admitted and answered: read by the gateway, never by the worker. */
export const serving = z
  .object({
    names: z
      .array(
        text(/^[A-Za-z0-9][A-Za-z0-9._:/-]*$/, 128, 'use letters, digits and . _ : / - in public names, beginning with a letter or digit'),
      )
      .min(1)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .describe('Public model ids. The name of the object when not given; `namespace/name` always works.')
      .exactOptional(),
    maxConcurrencyPerReplica: int32(1, 4096).default(8).describe('Most requests that the gateway has at one replica at once.'),
    balancing: z
      .enum(['LeastLoad', 'PrefixAffinity'])
      .default('LeastLoad')
      .describe(
        'Which free replica gets a request: the one with the fewest tokens in flight, or the one that had requests of the same session or with the same beginning, unless it has far more than the others.',
      ),
    maxQueue: int32(0, 100_000).default(256).describe('Most requests that wait at one gateway for a free replica.'),
    maxQueueTokens: int32(1, 2_147_483_647)
      .describe('Most tokens, prompts and the answers they ask for, that wait at one gateway for a free replica. No bound when not given.')
      .exactOptional(),
    queueTimeout: duration.default('60s').describe('Longest wait for a free replica while there are some that are ready.'),
    holdTimeout: duration
      .default('60s')
      .describe(
        'Longest wait while no replica is ready: the model is woken or loads. A streaming caller who asks for heartbeats may wait as long as `requestTimeout`.',
      ),
    firstTokenTimeout: duration.default('60s').describe('Longest wait for the first byte of an answer.'),
    idleStreamTimeout: duration.default('30s').describe('Longest silence within a streamed answer.'),
    requestTimeout: duration.default('10m').describe('Longest time that a request may take in all.'),
    defaults: z
      .object({
        temperature: z.number().min(0).max(2).describe('Used when a request gives none.').exactOptional(),
        topP: z.number().min(0).max(1).describe('Used when a request gives none.').exactOptional(),
      })
      .describe('Sampling parameters for requests that give none.')
      .exactOptional(),
    maxOutputTokens: int32(1, 16_777_216).describe('Most tokens of an answer, whatever the request asks for.').exactOptional(),
    systemPrompt: z.string().max(65_536).describe('Put before the messages of a chat that has no system message.').exactOptional(),
    cache: z
      .object({ ttl: duration.describe('How long an answer may be given again.') })
      .describe('Answers to identical deterministic requests are kept.')
      .exactOptional(),
  })
  .describe('How the gateway serves it.');
