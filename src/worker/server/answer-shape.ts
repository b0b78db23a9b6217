import { randomBytes } from 'node:crypto';
import type { FinishReason, Usage } from '../engines/engine.ts';

/** How an answer is written: the documents of one endpoint of OpenAI's API. */
export type AnswerShape = {
  /** What a stream begins with, if with anything. */
  first(): object | undefined;
  delta(text: string): object;
  last(reason: FinishReason): object;
  /** The extra event of `include_usage`: no choices. */
  usage(usage: Usage): object;
  whole(text: string, reason: FinishReason, usage: Usage): object;
};

type Naming = { readonly model: string; readonly createdAt: number; readonly includeUsage: boolean };

/** `chat.completion` and its chunks. */
export function chatShape(naming: Naming): AnswerShape {
  const chunk = chunks('chat.completion.chunk', 'chatcmpl', naming);
  const choice = (delta: object, reason: FinishReason | null) => ({ index: 0, delta, logprobs: null, finish_reason: reason });
  return {
    first: () => chunk([choice({ role: 'assistant', content: '' }, null)]),
    delta: (text) => chunk([choice({ content: text }, null)]),
    last: (reason) => chunk([choice({}, reason)]),
    usage: (usage) => chunk([], usage),
    whole: (text, reason, usage) => ({
      ...head('chat.completion', 'chatcmpl', naming),
      choices: [{ index: 0, message: { role: 'assistant', content: text, refusal: null }, logprobs: null, finish_reason: reason }],
      usage: toWire(usage),
    }),
  };
}

/** `text_completion`: streams and answers have the same shape. */
export function completionShape(naming: Naming): AnswerShape {
  const chunk = chunks('text_completion', 'cmpl', naming);
  const choice = (text: string, reason: FinishReason | null) => ({ index: 0, text, logprobs: null, finish_reason: reason });
  return {
    first: () => undefined,
    delta: (text) => chunk([choice(text, null)]),
    last: (reason) => chunk([choice('', reason)]),
    usage: (usage) => chunk([], usage),
    whole: (text, reason, usage) => ({ ...head('text_completion', 'cmpl', naming), choices: [choice(text, reason)], usage: toWire(usage) }),
  };
}

function head(object: string, prefix: string, { model, createdAt }: Naming) {
  return { id: `${prefix}-${randomBytes(12).toString('hex')}`, object, created: Math.floor(createdAt / 1000), model };
}

function chunks(object: string, prefix: string, naming: Naming): (choices: readonly object[], usage?: Usage) => object {
  const common = head(object, prefix, naming);
  if (!naming.includeUsage) return (choices) => ({ ...common, choices });
  return (choices, usage) => ({ ...common, choices, usage: usage ? toWire(usage) : null });
}

function toWire({ promptTokens, completionTokens, cachedTokens }: Usage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}
