import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { ServingLimits } from '../ports.ts';
import type { Changes } from './splice.ts';

/** What OpenAI's completions generate unless told otherwise: a cap must not make them longer. */
const usualCompletion = 16;

/** The fields that bound an answer, by those who read them: the last is llama.cpp's own. */
const bounds = ['max_completion_tokens', 'max_tokens', 'n_predict', 'max_output_tokens'] as const;

type Serving = Pick<ServingLimits, 'maxOutputTokens' | 'temperature' | 'topP' | 'systemPrompt'>;
type Fields = Readonly<Record<string, unknown>>;

/** What of a surface the request is for: they name the same things differently, and lack some. */
type Words = { readonly bound: string; readonly system: 'messages' | 'system' | 'instructions' | undefined; readonly topP: boolean };

const wordsOf = new Map<string, Words>([
  ['/v1/chat/completions', { bound: 'max_tokens', system: 'messages', topP: true }],
  ['/v1/completions', { bound: 'max_tokens', system: undefined, topP: true }],
  ['/v1/responses', { bound: 'max_output_tokens', system: 'instructions', topP: true }],
  ['/generate', { bound: 'max_tokens', system: 'system', topP: false }],
]);

/** How a request has to be changed before it goes to a worker; `stripUsage` when its caller did not ask for the usage that is added. */
export type Shape = { readonly changes: Changes; readonly stripUsage: boolean };

/**
 * Decides what of a request to change: the defaults of its deployment where it gives none, the cap on the answer, the system prompt
 * where it has none, and the wish for usage in each stream. Undefined when it may go on as it is.
 */
export function shapeRequest(path: string, fields: Fields, serving: Serving): Shape | undefined {
  const words = wordsOf.get(path);
  if (!words) return undefined;
  const set: JsonObject = {};
  const { temperature, topP, maxOutputTokens, systemPrompt } = serving;
  if (temperature !== undefined && isAbsent(fields.temperature)) set.temperature = temperature;
  if (topP !== undefined && words.topP && isAbsent(fields.top_p)) set.top_p = topP;
  if (maxOutputTokens !== undefined) cap(path, words, fields, maxOutputTokens, set);
  const stripUsage = asksForUsage(path, fields, set);

  const prepend =
    systemPrompt !== undefined && lacksSystem(words, fields) ? { field: 'messages', element: system(systemPrompt) } : undefined;
  if (systemPrompt !== undefined && words.system && words.system !== 'messages' && isAbsent(fields[words.system]))
    set[words.system] = systemPrompt;
  return prepend || Object.keys(set).length > 0 ? { changes: { set, prepend }, stripUsage } : undefined;
}

function cap(path: string, words: Words, fields: Fields, most: number, set: JsonObject): void {
  let bounded = false;
  for (const name of bounds) {
    const value = fields[name];
    if (isAbsent(value)) continue;
    bounded ||= name === words.bound || name === 'max_completion_tokens';
    // Below zero means without end where it means anything.
    if (typeof value === 'number' && (value > most || value < 0)) set[name] = most;
  }
  if (!bounded) set[words.bound] = path === '/v1/completions' ? Math.min(most, usualCompletion) : most;
}

/** Adds the wish for usage to a stream without it; true when it has been added. */
function asksForUsage(path: string, fields: Fields, set: JsonObject): boolean {
  if (fields.stream !== true || (path !== '/v1/chat/completions' && path !== '/v1/completions')) return false;
  const given = fields.stream_options;
  if (isJsonObject(given)) {
    if (given.include_usage === true) return false;
    // Options are words and numbers: what is nested in them is not written anew.
    const options = Object.entries(given).filter(([, value]) => typeof value !== 'object');
    set.stream_options = { ...Object.fromEntries(options), include_usage: true };
    return true;
  }
  if (!isAbsent(given)) return false; // the worker says what is wrong with it
  set.stream_options = { include_usage: true };
  return true;
}

function lacksSystem({ system }: Words, { messages }: Fields): boolean {
  if (system !== 'messages' || !Array.isArray(messages)) return false;
  return !messages.some((message) => isJsonObject(message) && (message.role === 'system' || message.role === 'developer'));
}

function system(content: string): JsonObject {
  return { role: 'system', content };
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
