import { isJsonObject } from '../../core/json.ts';

/** Tokens of a request and its answer. */
export type Usage = {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Of the prompt's tokens those that the replica had computed before. */
  readonly cachedTokens: number;
  /** Who counted: the worker, or the gateway, by the parts of the answer that it has seen. */
  readonly countedBy: 'worker' | 'gateway';
};

const usageKey = Buffer.from('"usage"');
const eventEnd = Buffer.from('\n\n');
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** A usage object is a few numbers; what goes on for longer is something else. */
const maxUsageBytes = 2_048;
/** What of an answer that is passed on in pieces is kept, because a usage object may lie across two of them. */
const tailBytes = 1_024;
/** Bytes of an answer for a token, about. */
const bytesPerToken = 4;
const nothing: Buffer = Buffer.alloc(0);

/**
 * Reads on the way to the caller how many tokens an answer has cost: as the worker tells them, else by the parts that came.
 * A part of a stream costs it two searches in native code; JSON is parsed only where the worker tells its usage.
 */
export class Meter {
  /** The gateway asked for the usage, and the caller did not: the event that tells it is for us alone. */
  strip = false;
  private told: Usage | undefined;
  private parts = 0;
  private bytes = 0;
  private tail: Buffer = nothing;

  /** Reads complete events of a stream, and gives back what the caller gets of them; nothing when they were for us. */
  events(events: Buffer): Buffer | undefined {
    this.parts += countEvents(events);
    return events.includes(usageKey) ? this.readUsage(events) : events;
  }

  /** Reads a whole answer. */
  whole(body: Buffer): void {
    this.bytes += body.length;
    const at = body.lastIndexOf(usageKey);
    if (at >= 0) this.told = usageAt(body, at) ?? this.told;
  }

  /** Reads a part of an answer that is passed on as it comes. */
  piece(bytes: Buffer): void {
    this.bytes += bytes.length;
    const seen = this.tail.length === 0 ? bytes : Buffer.concat([this.tail, bytes]);
    const at = seen.lastIndexOf(usageKey);
    if (at >= 0) this.told = usageAt(seen, at) ?? this.told;
    this.tail = seen.subarray(-tailBytes);
  }

  /** What has been used up to now; `promptBytes` is the size of the request. Undefined when nothing of an answer has come. */
  read(promptBytes: number): Usage | undefined {
    if (this.told) return this.told;
    if (this.parts === 0 && this.bytes === 0) return undefined;
    const promptTokens = Math.ceil(promptBytes / bytesPerToken);
    // The first event of a stream has the role alone. Events that end it count as tokens: two at most.
    const completionTokens = Math.max(0, this.parts - 1) + Math.ceil(this.bytes / bytesPerToken);
    return { promptTokens, completionTokens, cachedTokens: 0, countedBy: 'gateway' };
  }

  private readUsage(events: Buffer): Buffer | undefined {
    const kept: Buffer[] = [];
    let from = 0;
    for (let at = events.indexOf(usageKey); at >= 0; at = events.indexOf(usageKey, at + usageKey.length)) {
      const usage = usageAt(events, at);
      if (!usage) continue;
      this.told = usage;
      if (!this.strip) continue;
      const start = startOfEvent(events, at);
      const end = endOfEvent(events, at);
      if (!tellsOnlyUsage(events.subarray(start, end))) continue;
      kept.push(events.subarray(from, start));
      from = end;
    }
    if (from === 0) return events;
    const rest = Buffer.concat([...kept, events.subarray(from)]);
    return rest.length > 0 ? rest : undefined;
  }
}

/** The usage that begins with this key, in the words of chats and completions or of responses. Undefined when it is none, such as `null`. */
function usageAt(bytes: Buffer, key: number): Usage | undefined {
  const start = afterSpace(bytes, key + usageKey.length);
  if (bytes[start] !== colon) return undefined;
  const value = parseObject(bytes, afterSpace(bytes, start + 1));
  if (!value) return undefined;
  const promptTokens = count(value.prompt_tokens ?? value.input_tokens);
  if (promptTokens === undefined) return undefined;
  const details = value.prompt_tokens_details ?? value.input_tokens_details;
  return {
    promptTokens,
    // Embeddings have no answer in tokens.
    completionTokens: count(value.completion_tokens ?? value.output_tokens) ?? 0,
    cachedTokens: (isJsonObject(details) ? count(details.cached_tokens) : undefined) ?? 0,
    countedBy: 'worker',
  };
}

/** Where the next byte is that is none of JSON's spaces. */
function afterSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** The object that begins here, if one does, without braces in its texts, as a usage is. */
function parseObject(bytes: Buffer, start: number): Record<string, unknown> | undefined {
  if (bytes[start] !== openBrace) return undefined;
  const limit = Math.min(bytes.length, start + maxUsageBytes);
  let depth = 0;
  for (let at = start; at < limit; at += 1) {
    if (bytes[at] === openBrace) depth += 1;
    else if (bytes[at] === closeBrace) depth -= 1;
    if (depth > 0) continue;
    return parse(bytes.toString('latin1', start, at + 1)); // whatever its texts are: only numbers are read
  }
  return undefined;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined; // not what it looked like: it goes on to the caller as it is
  }
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Most often one. */
function countEvents(events: Buffer): number {
  let total = 0;
  for (let at = events.indexOf(eventEnd); at >= 0; at = events.indexOf(eventEnd, at + 2)) total += 1;
  return Math.max(total, 1);
}

function startOfEvent(events: Buffer, at: number): number {
  const before = events.toString('latin1', 0, at);
  const newline = before.lastIndexOf('\n\n');
  const crlf = before.lastIndexOf('\r\n\r\n');
  return Math.max(newline < 0 ? 0 : newline + 2, crlf < 0 ? 0 : crlf + 4);
}

function endOfEvent(events: Buffer, at: number): number {
  const match = /\r?\n\r?\n/g;
  match.lastIndex = at;
  return match.exec(events.toString('latin1')) ? match.lastIndex : events.length;
}

/** Whether an event has no choices, so that a caller who did not ask for the usage gets nothing from it. */
function tellsOnlyUsage(event: Buffer): boolean {
  const data = /^data: ?(.*)$/m.exec(event.toString())?.[1];
  const chunk = data === undefined ? undefined : parse(data);
  return Array.isArray(chunk?.choices) && chunk.choices.length === 0;
}
