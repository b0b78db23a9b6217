import { hashText } from './hash.ts';

/** Header by which a caller says that requests belong together. */
export const sessionHeader = 'x-modelfleet-session';

/** Of a prompt's beginning no more is read: two prompts that agree so far share enough of a replica's cache. */
const longestHead = 4_096;

/** A prompt that is one text may go on in the next request: its first block stays the same. */
const block = 1_024;

/**
 * What tells which requests profit from the same replica: the session that the caller names, else how the prompt begins: in a chat all
 * up to the first message of the user, which stays the same while the conversation grows. Undefined when there is no such thing.
 */
export function affinityKey(tenant: string, fields: Readonly<Record<string, unknown>>, session: string | undefined): number | undefined {
  const named = sessionKey(tenant, fields, session);
  if (named !== undefined) return named;
  const head = headOf(fields);
  return head ? hashText(head) : undefined;
}

/** The same, of the session that the caller names alone. */
export function sessionKey(tenant: string, fields: Readonly<Record<string, unknown>>, session: string | undefined): number | undefined {
  const named = session ?? text(fields.prompt_cache_key) ?? text(fields.user);
  return named ? hashText(named, hashText(tenant)) : undefined;
}

function headOf({ messages, prompt, instructions, input }: Readonly<Record<string, unknown>>): string | undefined {
  const turns = Array.isArray(messages) ? messages : Array.isArray(input) && typeof input[0] === 'object' ? input : undefined;
  if (turns) return ((text(instructions) ?? '') + headOfTurns(turns)).slice(0, longestHead);
  const whole = firstText(prompt) ?? firstText(input);
  return whole === undefined ? undefined : ((text(instructions) ?? '') + whole).slice(0, block);
}

function headOfTurns(turns: readonly unknown[]): string {
  let head = '';
  for (const turn of turns) {
    if (typeof turn !== 'object' || turn === null) continue;
    const { role, content } = turn as { readonly role?: unknown; readonly content?: unknown };
    head += `${String(role)}\n${typeof content === 'string' ? content.slice(0, longestHead) : textOfParts(content)}\n`;
    if (role === 'user' || head.length >= longestHead) break;
  }
  return head;
}

function textOfParts(content: unknown): string {
  if (!Array.isArray(content)) return '';
  let all = '';
  for (const part of content as readonly unknown[]) {
    if (typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string') all += part.text;
    if (all.length >= longestHead) break;
  }
  return all;
}

function firstText(value: unknown): string | undefined {
  return text(Array.isArray(value) ? value[0] : value);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
