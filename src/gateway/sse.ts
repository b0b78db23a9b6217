import type { HttpError } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';
import { Parts } from './parts.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const doneEvent = 'data: [DONE]';

/** An event longer than this is passed on in pieces, rather than held. */
const maxHeldBytes = 1_048_576;

/** An event ends with two line feeds, each maybe behind a carriage return. */
const longestEnd = 4;

const nothing: Buffer = Buffer.alloc(0);

/**
 * Cuts a stream of server-sent events between events: what is passed on always ends where an event ends, so that a stream
 * that breaks can be closed with an error event of its own. No byte is changed, added or lost.
 */
export class EventCutter {
  private readonly held = new Parts();
  /** The end of what is held, because an event may end across two chunks. */
  private seam: Buffer = nothing;
  private last: Buffer | undefined;

  /** What may be passed on now; undefined while the event is incomplete. Each byte is looked at once, however many chunks an event has. */
  take(chunk: Buffer): Buffer | undefined {
    if (this.held.size === 0 && endsEvent(chunk, chunk.length)) {
      this.last = chunk;
      return chunk;
    }
    const fresh = this.seam.length === 0 ? chunk : Buffer.concat([this.seam, chunk]);
    const end = this.held.size + chunk.length > maxHeldBytes ? fresh.length : lastEventEnd(fresh);
    const cut = end === 0 ? 0 : chunk.length - (fresh.length - end);
    const events = end === 0 ? undefined : this.completed(chunk.subarray(0, cut));
    if (cut < chunk.length) this.held.add(chunk.subarray(cut));
    this.seam = this.held.size === 0 ? nothing : fresh.subarray(Math.max(end, fresh.length - longestEnd + 1));
    return events;
  }

  /** What is left when the stream has ended well. */
  rest(): Buffer | undefined {
    return this.held.size === 0 ? undefined : this.held.take();
  }

  /** Whether `[DONE]` has been passed on: then the answer is whole, however the connection ended. */
  get done(): boolean {
    return this.last?.subarray(-64).toString('latin1').trimEnd().endsWith(doneEvent) ?? false;
  }

  /** What was held, and this that completes it. */
  private completed(end: Buffer): Buffer {
    if (this.held.size > 0) this.held.add(end);
    this.last = this.held.size > 0 ? this.held.take() : end;
    return this.last;
  }
}

/** The event that ends a stream which broke: OpenAI clients raise its error. No `[DONE]` follows. */
export function errorEvent(error: HttpError): string {
  return `data: ${JSON.stringify(error)}\n\n`;
}

/** A worker's error as an event, for a caller whose answer has begun with comments; undefined when it is not an error in OpenAI's shape. */
export function workerErrorEvent(body: Buffer): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return undefined; // another program's error page
  }
  return isJsonObject(value) && isJsonObject(value.error) ? `data: ${JSON.stringify({ error: value.error })}\n\n` : undefined;
}

/** Whether an empty line ends at `end`. */
function endsEvent(bytes: Buffer, end: number): boolean {
  if (end < 2 || bytes[end - 1] !== lineFeed) return false;
  return bytes[end - 2] === lineFeed || (end >= 4 && bytes[end - 2] === carriageReturn && bytes[end - 3] === lineFeed);
}

function lastEventEnd(bytes: Buffer): number {
  let at = bytes.lastIndexOf(lineFeed);
  while (at >= 0) {
    if (endsEvent(bytes, at + 1)) return at + 1;
    if (at === 0) break;
    at = bytes.lastIndexOf(lineFeed, at - 1);
  }
  return 0;
}
