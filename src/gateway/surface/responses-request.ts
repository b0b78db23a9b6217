import { errors } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What would need answers that somebody keeps: the gateway keeps none. */
const stateful = ['previous_response_id', 'conversation', 'prompt'] as const;

/** Fields that both surfaces have, with one meaning. */
const shared = ['model', 'stream', 'temperature', 'top_p', 'top_logprobs', 'parallel_tool_calls', 'user', 'service_tier'] as const;

/** A request of OpenAI's responses in the words of chats. Throws a 400 that names what a chat cannot do. */
export function chatOfResponse(fields: Fields): JsonObject {
  for (const name of stateful)
    if (isGiven(fields[name])) throw unsupported(name, 'no answers are kept: send the whole conversation as `input`');
  if (fields.background === true) throw unsupported('background', 'an answer is given while its caller waits');
  const chat: JsonObject = {};
  for (const name of shared) if (isGiven(fields[name])) chat[name] = json(fields[name]);
  chat.messages = [...instructionsOf(fields), ...messagesOf(fields.input)];
  if (isGiven(fields.max_output_tokens)) chat.max_tokens = json(fields.max_output_tokens);
  if (isJsonObject(fields.reasoning) && isGiven(fields.reasoning.effort)) chat.reasoning_effort = json(fields.reasoning.effort);
  const tools = Array.isArray(fields.tools) ? fields.tools.map(toolOf) : [];
  if (tools.length > 0) chat.tools = tools;
  if (isGiven(fields.tool_choice)) chat.tool_choice = toolChoiceOf(fields.tool_choice);
  const format = isJsonObject(fields.text) ? fields.text.format : undefined;
  if (isJsonObject(format) && format.type !== 'text') chat.response_format = formatOf(format);
  return chat;
}

function instructionsOf({ instructions }: Fields): JsonObject[] {
  if (!isGiven(instructions)) return [];
  if (typeof instructions !== 'string') throw unsupported('instructions', 'give a text');
  return [{ role: 'system', content: instructions }];
}

function messagesOf(input: unknown): JsonObject[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  if (!Array.isArray(input)) throw errors.invalidRequest('`input` must be a text or an array of items.').withParam('input');
  const messages: JsonObject[] = [];
  for (const [index, item] of input.entries()) addItem(messages, item, `input[${index}]`);
  return messages;
}

function addItem(messages: JsonObject[], item: unknown, where: string): void {
  if (!isJsonObject(item)) throw errors.invalidRequest(`\`${where}\` must be an object.`).withParam(where);
  const { type = 'message' } = item;
  if (type === 'reasoning') return; // what a model thought before is not told to it again
  if (type === 'function_call') addCall(messages, item);
  else if (type === 'function_call_output')
    messages.push({ role: 'tool', tool_call_id: json(item.call_id), content: textOf(item.output, where) });
  else if (type === 'message') {
    // Templates of models know no developer.
    const role = item.role === 'developer' ? 'system' : json(item.role);
    messages.push({ role, content: contentOf(item.content, where) });
  } else throw unsupported(where, `items of type ${String(type).slice(0, 40)} are not understood`);
}

/** Calls belong to the assistant's message before them. */
function addCall(messages: JsonObject[], { call_id, name, arguments: given }: JsonObject): void {
  const call = { id: json(call_id), type: 'function', function: { name: json(name), arguments: json(given) } };
  const last = messages.at(-1);
  if (last?.role !== 'assistant') messages.push({ role: 'assistant', content: null, tool_calls: [call] });
  else if (Array.isArray(last.tool_calls)) last.tool_calls.push(call);
  else last.tool_calls = [call];
}

function contentOf(content: unknown, where: string): JsonValue {
  if (!Array.isArray(content)) return textOf(content, where);
  const parts = content.map((part, index) => partOf(part, `${where}.content[${index}]`));
  // One text is what every template knows.
  return parts.every(({ type }) => type === 'text') ? parts.map(({ text }) => text).join('') : parts;
}

function partOf(part: unknown, where: string): JsonObject {
  const { type, ...more } = isJsonObject(part) ? part : {};
  if (type === 'input_text' || type === 'output_text' || type === 'text') return { type: 'text', text: textOf(more.text, where) };
  if (type === 'refusal') return { type: 'text', text: textOf(more.refusal, where) };
  if (type === 'input_image' && typeof more.image_url === 'string') {
    const detail = isGiven(more.detail) ? { detail: json(more.detail) } : {};
    return { type: 'image_url', image_url: { url: more.image_url, ...detail } };
  }
  throw unsupported(where, 'only texts and images with an `image_url` are understood');
}

function textOf(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map((part) => String(partOf(part, where).text ?? '')).join('');
  throw errors.invalidRequest(`\`${where}\` must hold a text.`).withParam(where);
}

function toolOf(tool: unknown, index: number): JsonObject {
  if (!isJsonObject(tool) || tool.type !== 'function') throw unsupported(`tools[${index}]`, 'only functions can be called');
  const { type, ...described } = tool;
  return { type, function: described };
}

function toolChoiceOf(choice: unknown): JsonValue {
  if (!isJsonObject(choice)) return json(choice);
  if (choice.type !== 'function') throw unsupported('tool_choice', 'only functions can be called');
  return { type: 'function', function: { name: json(choice.name) } };
}

function formatOf({ type, ...schema }: JsonObject): JsonObject {
  return type === 'json_schema' ? { type, json_schema: schema } : { type: json(type) };
}

function unsupported(param: string, why: string): Error {
  return errors.invalidRequest(`\`${param}\` is not supported for this model: ${why}.`).withParam(param);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** A part of a parsed body, which is JSON. */
function json(value: unknown): JsonValue {
  return (value ?? null) as JsonValue;
}
