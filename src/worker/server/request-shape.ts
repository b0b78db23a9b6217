import { z } from 'zod';
import { errors } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { ChatMessage, GenerateRequest } from '../engines/engine.ts';

/** OpenAI allows `null` for "not given" nearly everywhere. */
const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined);

const stop = z
  .union([z.string().min(1), z.array(z.string().min(1)).max(16)])
  .transform((value) => (typeof value === 'string' ? [value] : value));

/** What both completion endpoints take. Defaults are OpenAI's; `top_k` is 40 as in llama.cpp, because a full sort of the vocabulary costs a third of the speed. */
const common = z.object({
  model: optional(z.string().min(1)),
  stream: optional(z.boolean()),
  stream_options: optional(z.object({ include_usage: optional(z.boolean()) })),
  max_tokens: optional(z.int().min(1)),
  stop: optional(stop),
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().gt(0).max(1)),
  top_k: optional(z.int().min(-1)),
  min_p: optional(z.number().min(0).max(1)),
  seed: optional(z.int()),
  presence_penalty: optional(z.number().min(-2).max(2)),
  frequency_penalty: optional(z.number().min(-2).max(2)),
  repetition_penalty: optional(z.number().gt(0).max(2)),
  ignore_eos: optional(z.boolean()),
});

const textPart = z.object({ type: z.literal('text', 'only text parts are supported'), text: z.string() });
const content = z.union([z.string(), z.array(textPart).transform((parts) => parts.map((part) => part.text).join(''))], {
  error: (issue) =>
    issue.input === undefined ? 'is required' : 'must be a string or an array of text parts; images, audio and files are not supported',
});

const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant'], 'must be system, developer, user or assistant'),
  content,
});

const chatBody = common.extend({
  messages: z.array(message).min(1),
  max_completion_tokens: optional(z.int().min(1)),
  chat_template_kwargs: optional(z.record(z.string(), z.json())),
});

const token = z.int().min(0);
const completionBody = common.extend({
  prompt: z.union([z.string(), z.array(token).min(1), z.tuple([z.string()]), z.tuple([z.array(token).min(1)])], {
    error: 'must be one text or one array of tokens',
  }),
});

const generateBody = z.object({
  system: optional(z.string()),
  prompt: z.string(),
  max_tokens: optional(z.int().min(1)),
  temperature: optional(z.number().min(0).max(2)),
});

/** A request for text, read and checked. */
export type TextRequest = {
  readonly model: string | undefined;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly generate: GenerateRequest;
};

/** Fields that would change the answer and that the worker cannot do: they are refused, not ignored. */
const unsupported: readonly (readonly [field: string, harmless: (value: unknown) => boolean])[] = [
  ['n', (value) => value === 1],
  ['best_of', (value) => value === 1],
  ['tools', isEmptyArray],
  ['functions', isEmptyArray],
  ['tool_choice', (value) => value === 'none' || value === 'auto'],
  ['function_call', (value) => value === 'none' || value === 'auto'],
  ['logprobs', (value) => value === false],
  ['top_logprobs', (value) => value === 0],
  ['logit_bias', (value) => typeof value === 'object' && value !== null && Object.keys(value).length === 0],
  ['response_format', (value) => typeof value === 'object' && value !== null && 'type' in value && value.type === 'text'],
  ['modalities', (value) => Array.isArray(value) && value.every((one) => one === 'text')],
  ['audio', () => false],
  ['suffix', (value) => value === ''],
  ['echo', (value) => value === false],
];

/** Reads the body of `POST /v1/chat/completions`. Throws a 400 that names the field. */
export function readChat(body: unknown): TextRequest {
  const read = parse(chatBody, body);
  const messages: ChatMessage[] = read.messages.map(({ role, content }) => ({ role: role === 'developer' ? 'system' : role, content }));
  const templateArguments: JsonObject | undefined = read.chat_template_kwargs;
  return toRequest(
    read,
    { kind: 'chat', messages, ...(templateArguments ? { templateArguments } : {}) },
    read.max_completion_tokens ?? read.max_tokens,
  );
}

/** Reads the body of `POST /v1/completions`; like OpenAI's it generates 16 tokens unless told otherwise. */
export function readCompletion(body: unknown): TextRequest {
  const read = parse(completionBody, body);
  const first = typeof read.prompt === 'string' ? read.prompt : read.prompt[0];
  const prompt =
    typeof first === 'string'
      ? ({ kind: 'text', text: first } as const)
      : ({ kind: 'tokens', tokens: typeof first === 'number' ? (read.prompt as number[]) : first } as const);
  return toRequest(read, prompt, read.max_tokens ?? 16);
}

/** Reads the body of `POST /generate`: `{system, prompt, max_tokens, temperature}`. */
export function readGenerate(body: unknown): TextRequest {
  const { system, prompt, max_tokens, temperature } = parse(generateBody, body);
  const messages: ChatMessage[] = [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: prompt },
  ];
  return toRequest({ temperature }, { kind: 'chat', messages }, max_tokens);
}

function toRequest(read: Partial<z.infer<typeof common>>, prompt: GenerateRequest['prompt'], maxTokens: number | undefined): TextRequest {
  const temperature = read.temperature ?? 1;
  return {
    model: read.model,
    stream: read.stream ?? false,
    includeUsage: read.stream_options?.include_usage ?? false,
    generate: {
      prompt,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      stop: read.stop ?? [],
      ignoreEnd: read.ignore_eos ?? false,
      sampling: {
        temperature,
        topP: read.top_p ?? 1,
        topK: Math.max(0, read.top_k ?? 40),
        minP: read.min_p ?? 0,
        presencePenalty: read.presence_penalty ?? 0,
        frequencyPenalty: read.frequency_penalty ?? 0,
        repetitionPenalty: read.repetition_penalty ?? 1,
        // llama.cpp seeds are 32 bits; clients send any integer.
        ...(read.seed === undefined ? {} : { seed: Number(BigInt.asUintN(32, BigInt(read.seed))) }),
      },
    },
  };
}

function parse<T extends z.ZodType>(type: T, body: unknown): z.output<T> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw errors.invalidRequest('The request body must be a JSON object.');
  for (const [field, harmless] of unsupported) {
    const value = (body as Record<string, unknown>)[field];
    if (value !== undefined && value !== null && !harmless(value)) {
      throw errors.invalidRequest(`\`${field}\` with this value is not supported by this worker.`).withParam(field);
    }
  }
  const result = type.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const param = (issue?.path ?? [])
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
  throw errors.invalidRequest(`Invalid \`${param}\`: ${issue?.message ?? 'not understood'}.`).withParam(param);
}

function isEmptyArray(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
