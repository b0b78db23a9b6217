import { type Exchange, given } from './exchange.ts';
import { Parts } from './parts.ts';
import { EventCutter } from './sse.ts';

/** A whole answer longer than this is passed on as it comes. */
const maxCollectedBytes = 8 * 1_048_576;

/**
 * How an answer goes to the caller: `events` as they come, between event ends; `whole` collected and sent at once, so that
 * a broken one can still become an error; `raw` as it comes.
 */
type Mode = 'events' | 'whole' | 'raw';

/** What a replica answers, on its way to the caller: its tokens are counted, and its words translated where they have to be. */
export class AnswerBody {
  mode: Mode = 'whole';
  private readonly exchange: Exchange;
  /** Of an answer in events. */
  private cutter: EventCutter | undefined;
  private readonly collected = new Parts();

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  /** Whether the last event of a stream has been passed on: then the answer is whole, however the connection ended. */
  get done(): boolean {
    return this.cutter?.done === true;
  }

  /** The answer begins. */
  start(status: number, contentType: string | undefined): void {
    const { call, inEvents, translation } = this.exchange;
    if (contentType?.startsWith('text/event-stream')) {
      this.mode = 'events';
      this.cutter = new EventCutter();
    } else if (given(call).stream && status < 300 && !inEvents && !translation) this.mode = 'raw';
  }

  /** What may be passed on now that `chunk` has come, if anything. */
  take(chunk: Buffer): Buffer | undefined {
    if (this.cutter) return this.events(this.cutter.take(chunk));
    return this.mode === 'raw' ? this.piece(chunk) : this.collect(chunk);
  }

  /** What is left of an answer that was passed on as it came, when it has ended well. */
  rest(): Buffer | undefined {
    if (!this.cutter) return undefined;
    const rest = this.events(this.cutter.rest());
    const more = this.exchange.translation?.answer.end();
    return rest && more ? Buffer.concat([rest, more]) : (rest ?? more);
  }

  /** A collected answer of this status as its caller gets it. */
  whole(status: number): Buffer {
    const body = this.takeCollected();
    if (status >= 300) return body;
    this.exchange.meter.whole(body);
    this.exchange.sighting?.see(body);
    return this.exchange.translation?.answer.whole(body) ?? body;
  }

  /** All that was collected, as the replica sent it. */
  takeCollected(): Buffer {
    return this.collected.take();
  }

  private events(events: Buffer | undefined): Buffer | undefined {
    const { meter, translation, sighting } = this.exchange;
    if (events) sighting?.see(events);
    const seen = events && meter.events(events);
    return seen && translation ? translation.answer.events(seen) : seen;
  }

  private piece(bytes: Buffer): Buffer {
    this.exchange.meter.piece(bytes);
    return bytes;
  }

  /** Keeps a part of a whole answer; gives back everything when it gets too long to keep. Where events are due, such an answer is none. */
  private collect(chunk: Buffer): Buffer | undefined {
    if (this.collected.size <= maxCollectedBytes) this.collected.add(chunk);
    if (this.collected.size <= maxCollectedBytes || this.exchange.inEvents) return undefined;
    this.mode = 'raw';
    return this.piece(this.takeCollected());
  }
}
