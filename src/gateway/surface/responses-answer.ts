import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A new id of an object of the API: `resp_…`, `msg_…`. */
export function newId(prefix: 'resp' | 'msg' | 'fc' | 'rs'): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}

/** What a response says of itself, whatever became of it. */
export type Head = { readonly id: string; readonly createdAt: number; readonly model: string };

/** How a response ended. */
export type Outcome = {
  readonly status: 'in_progress' | 'completed' | 'incomplete';
  readonly output: readonly JsonObject[];
  /** As chats tell it. */
  readonly usage?: JsonValue | undefined;
  /** As chats tell it. */
  readonly finishReason?: string | undefined;
};

/** A response of OpenAI's API; `asked` is the request, whose wishes it repeats. */
export function responseObject(
  asked: Fields,
  { id, createdAt, model }: Head,
  { status, output, usage, finishReason }: Outcome,
): JsonObject {
  const why = finishReason === 'content_filter' ? 'content_filter' : 'max_output_tokens';
  return {
    id,
    object: 'response',
    created_at: createdAt,
    status,
    error: null,
    incomplete_details: status === 'incomplete' ? { reason: why } : null,
    instructions: echo(asked.instructions),
    max_output_tokens: echo(asked.max_output_tokens),
    metadata: echo(asked.metadata, {}),
    model,
    output: [...output],
    parallel_tool_calls: echo(asked.parallel_tool_calls, true),
    previous_response_id: null,
    reasoning: echo(asked.reasoning, { effort: null, summary: null }),
    store: false,
    temperature: echo(asked.temperature),
    text: echo(asked.text, { format: { type: 'text' } }),
    tool_choice: echo(asked.tool_choice, 'auto'),
    tools: echo(asked.tools, []),
    top_p: echo(asked.top_p),
    truncation: 'disabled',
    usage: usageObject(usage),
  };
}

/** A whole chat completion as a response. Undefined when it is none. */
export function responseOfChat(asked: Fields, chat: JsonObject): JsonObject | undefined {
  const choice = Array.isArray(chat.choices) ? chat.choices[0] : undefined;
  if (!isJsonObject(choice) || !isJsonObject(choice.message)) return undefined;
  const { message } = choice;
  const output: JsonObject[] = [];
  const thought = message.reasoning_content ?? message.reasoning;
  if (typeof thought === 'string' && thought !== '') output.push(reasoningItem(newId('rs'), thought));
  if (typeof message.content === 'string' && message.content !== '')
    output.push(messageItem(newId('msg'), 'completed', [textPart(message.content)]));
  if (typeof message.refusal === 'string')
    output.push(messageItem(newId('msg'), 'completed', [{ type: 'refusal', refusal: message.refusal }]));
  for (const call of Array.isArray(message.tool_calls) ? message.tool_calls : []) {
    if (!isJsonObject(call) || !isJsonObject(call.function)) continue;
    const { name, arguments: given } = call.function;
    output.push(callItem(newId('fc'), 'completed', { callId: text(call.id), name: text(name), given: text(given) }));
  }
  const finishReason = text(choice.finish_reason);
  const head = { id: newId('resp'), createdAt: typeof chat.created === 'number' ? chat.created : 0, model: text(chat.model) };
  return responseObject(asked, head, { status: statusOf(finishReason), output, usage: chat.usage, finishReason });
}

/** Whether an answer that ended so is all that the model had to say. */
export function statusOf(finishReason: string | undefined): 'completed' | 'incomplete' {
  return finishReason === 'length' || finishReason === 'content_filter' ? 'incomplete' : 'completed';
}

export function textPart(value: string): JsonObject {
  return { type: 'output_text', text: value, annotations: [], logprobs: [] };
}

export function messageItem(id: string, status: 'in_progress' | 'completed', content: readonly JsonObject[]): JsonObject {
  return { id, type: 'message', status, role: 'assistant', content: [...content] };
}

export function reasoningItem(id: string, value: string): JsonObject {
  return { id, type: 'reasoning', summary: [], content: value === '' ? [] : [{ type: 'reasoning_text', text: value }] };
}

type Called = { readonly callId: string; readonly name: string; readonly given: string };

export function callItem(id: string, status: 'in_progress' | 'completed', { callId, name, given }: Called): JsonObject {
  return { id, type: 'function_call', status, call_id: callId, name, arguments: given };
}

function usageObject(usage: JsonValue | undefined): JsonValue {
  if (!isJsonObject(usage)) return null;
  const { prompt_tokens = 0, completion_tokens = 0, total_tokens = 0, prompt_tokens_details, completion_tokens_details } = usage;
  const cached = isJsonObject(prompt_tokens_details) ? prompt_tokens_details.cached_tokens : undefined;
  const thought = isJsonObject(completion_tokens_details) ? completion_tokens_details.reasoning_tokens : undefined;
  return {
    input_tokens: prompt_tokens,
    input_tokens_details: { cached_tokens: cached ?? 0 },
    output_tokens: completion_tokens,
    output_tokens_details: { reasoning_tokens: thought ?? 0 },
    total_tokens,
  };
}

/** What of a parsed request a response repeats. */
function echo(value: unknown, otherwise: JsonValue = null): JsonValue {
  return (value ?? otherwise) as JsonValue;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
