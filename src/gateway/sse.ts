import type { HttpError } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const doneEvent = 'data: [DONE]';

/** An event longer than this is passed on in pieces, rather than held. */
const maxHeldBytes = 1_048_576;

/**
 * Cuts a stream of server-sent events between events: what is passed on always ends where an event ends, so that a stream
 * that breaks can be closed with an error event of its own. No byte is changed, added or lost.
 */
export class EventCutter {
  private held: Buffer[] = [];
  private heldBytes = 0;
  private last: Buffer | undefined;

  /** What may be passed on now; undefined while the event is incomplete. */
  take(chunk: Buffer): Buffer | undefined {
    if (this.heldBytes === 0 && endsEvent(chunk, chunk.length)) {
      this.last = chunk;
      return chunk;
    }
    const all = this.heldBytes === 0 ? chunk : Buffer.concat([...this.held, chunk]);
    const end = all.length > maxHeldBytes ? all.length : lastEventEnd(all);
    this.held = end < all.length ? [all.subarray(end)] : [];
    this.heldBytes = all.length - end;
    if (end === 0) return undefined;
    this.last = all.subarray(0, end);
    return this.last;
  }

  /** What is left when the stream has ended well. */
  rest(): Buffer | undefined {
    return this.heldBytes === 0 ? undefined : Buffer.concat(this.held);
  }

  /** Whether `[DONE]` has been passed on: then the answer is whole, however the connection ended. */
  get done(): boolean {
    return this.last?.subarray(-64).toString('latin1').trimEnd().endsWith(doneEvent) ?? false;
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
