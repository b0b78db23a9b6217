import type { JsonObject } from '../../core/json.ts';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;

/** What is to change in a JSON object: fields that it gets or that are replaced, and a first element for an array that it has. */
export type Changes = {
  readonly set: JsonObject;
  readonly prepend?: { readonly field: string; readonly element: JsonObject } | undefined;
};

type Edit = { readonly start: number; readonly end: number; readonly text: string };

/**
 * Changes fields of a JSON object without writing the rest anew: all other bytes stay as the caller wrote them. `present` is the
 * same object, parsed; fields that it lacks are put in front, which costs no look at the rest. The bytes must be valid JSON.
 */
export function spliceFields(body: Buffer, present: Readonly<Record<string, unknown>>, { set, prepend }: Changes): Buffer {
  const fields = Object.entries(set);
  const absent = fields.filter(([name]) => !Object.hasOwn(present, name));
  const begin = body.indexOf(openBrace) + 1;
  const edits: Edit[] = [];
  if (absent.length > 0) {
    const more = Object.keys(present).length > 0 ? ',' : '';
    edits.push({ start: begin, end: begin, text: JSON.stringify(Object.fromEntries(absent)).slice(1, -1) + more });
  }
  if (absent.length < fields.length || prepend) {
    for (const { name, start, end } of members(body, begin)) {
      // A caller may name a field `toString`.
      const value = Object.hasOwn(set, name) ? set[name] : undefined;
      // A field that is there twice is replaced twice: whichever a worker takes, it takes ours.
      if (value !== undefined) edits.push({ start, end, text: JSON.stringify(value) });
      else if (name === prepend?.field && body[start] === openBracket) {
        const more = body[skipSpace(body, start + 1)] === closeBracket ? '' : ',';
        edits.push({ start: start + 1, end: start + 1, text: JSON.stringify(prepend.element) + more });
      }
    }
  }
  return apply(body, edits);
}

function apply(body: Buffer, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const { start, end, text } of edits) {
    parts.push(body.subarray(from, start), Buffer.from(text));
    from = end;
  }
  parts.push(body.subarray(from));
  return Buffer.concat(parts);
}

/** The fields of an object, in order, with where their values are; `at` is behind its brace. */
function* members(body: Buffer, at: number): Generator<{ readonly name: string; readonly start: number; readonly end: number }> {
  for (let next = skipSpace(body, at); body[next] === quote; ) {
    const nameEnd = skipText(body, next);
    const name: unknown = JSON.parse(body.toString('utf8', next, nameEnd));
    const start = skipSpace(body, skipSpace(body, nameEnd) + 1); // behind the colon
    const end = skipValue(body, start);
    yield { name: String(name), start, end };
    next = skipSpace(body, skipSpace(body, end) + 1); // behind the comma
  }
}

function skipSpace(body: Buffer, at: number): number {
  let next = at;
  for (let byte = body[next]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = body[next]) next += 1;
  return next;
}

/** Behind the text that begins at `at`. Its bytes are searched in native code: most of a request is text. */
function skipText(body: Buffer, at: number): number {
  for (let end = body.indexOf(quote, at + 1); end >= 0; end = body.indexOf(quote, end + 1)) {
    let escapes = 0;
    while (body[end - 1 - escapes] === backslash) escapes += 1;
    if (escapes % 2 === 0) return end + 1;
  }
  return body.length;
}

function skipValue(body: Buffer, at: number): number {
  let depth = 0;
  let next = at;
  while (next < body.length) {
    const byte = body[next];
    if (byte === quote) {
      next = skipText(body, next);
      if (depth === 0) return next;
      continue;
    }
    if (depth === 0 && isEnd(byte)) return next;
    if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1;
      if (depth === 0) return next + 1;
    }
    next += 1;
  }
  return next;
}

/** Whether a number or a word ends before this byte. */
function isEnd(byte: number | undefined): boolean {
  return byte === comma || byte === closeBrace || byte === closeBracket || byte === colon || (byte !== undefined && byte <= 0x20);
}
