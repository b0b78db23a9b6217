import { errors, type HttpError } from '../../src/core/errors.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';

/** `broken` closes the connection in the middle of an event, `never` keeps it open. */
type Ending = 'well' | 'broken' | 'never';

/** What the scripted engine says, and how it ends. */
export type Reply =
  | { readonly kind: 'text'; readonly words: readonly string[]; readonly tokens: number; readonly ends: Ending }
  | { readonly kind: 'call'; readonly id: string; readonly function: { readonly name: string; readonly arguments: string } }
  | { readonly kind: 'error'; readonly status: number; readonly error: JsonObject };

const text = (words: string, ends: Ending = 'well'): Reply => {
  const list = words.split(/(?<= )/);
  return { kind: 'text', words: list, tokens: list.length, ends };
};
const refusal = (error: HttpError): Reply => ({ kind: 'error', status: error.status, ...error.toJSON() });

/** What the last message asks for, in the words that the tests use. */
const scripted: Readonly<Record<string, Reply>> = {
  'break off': text('This will not end ', 'broken'),
  'go on': text('This will never end ', 'never'),
  'cost 6000 tokens': { kind: 'text', words: ['Dear.'], tokens: 6_000, ends: 'well' },
  'write too much': refusal(errors.contextLengthExceeded(2_048, 3_000)),
  fail: refusal(errors.engineFailed('it is only scripted')),
};

/**
 * Decides what the engine says: what the last message asks for by name; what a tool has told, when one has; a call of the tool that
 * is offered; an object, when the request wants JSON; else a greeting.
 */
export function replyTo(asked: JsonObject): Reply {
  const messages = Array.isArray(asked.messages) ? asked.messages.filter(isJsonObject) : [];
  const last = messages.at(-1);
  const said = scripted[textOf(last?.content)];
  if (said) return said;
  if (last?.role === 'tool') return text(`The tool says: ${textOf(last.content)}`);
  const [tool] = Array.isArray(asked.tools) ? asked.tools.filter(isJsonObject) : [];
  if (isJsonObject(tool?.function) && typeof tool.function.name === 'string')
    return { kind: 'call', id: 'call_1', function: { name: tool.function.name, arguments: '{"city": "Paris"}' } };
  if (isJsonObject(asked.response_format)) return text('{"city": "Paris", "rivers": ["Seine"]}');
  return text('Hello from the engine.');
}

/** The deltas of a streamed chat. The arguments of a call come in pieces, as real engines send them. */
export function chatDeltas(reply: Exclude<Reply, { kind: 'error' }>): JsonObject[] {
  if (reply.kind === 'text') return [{ role: 'assistant', content: '' }, ...reply.words.map((content) => ({ content }))];
  const { id, function: called } = reply;
  const pieces = called.arguments.match(/.{1,5}/g) ?? [];
  return [
    { role: 'assistant', content: null, tool_calls: [{ index: 0, id, type: 'function', function: { name: called.name, arguments: '' } }] },
    ...pieces.map((piece) => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] })),
  ];
}

export function usage(reply: Reply): { prompt_tokens: number; completion_tokens: number; total_tokens: number } {
  const completion_tokens = reply.kind === 'text' ? reply.tokens : 7;
  return { prompt_tokens: 5, completion_tokens, total_tokens: 5 + completion_tokens };
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isJsonObject(part) && typeof part.text === 'string' ? part.text : '')).join('');
}
