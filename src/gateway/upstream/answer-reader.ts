import { type AnswerHead, type AnswerHeaders, BadAnswer, parseHead } from './answer-head.ts';
import { Chunks } from './chunks.ts';

/** What a head may have at most, as node:http allows callers. */
const maxHeadBytes = 16_384;
const headEnd = '\r\n\r\n';

/** What hears of an answer: its start, its data in parts, and its end. */
export type AnswerSink = {
  onResponseStart(status: number, headers: AnswerHeaders): void;
  /** The bytes are the sink's to keep. */
  onResponseData(bytes: Buffer): void;
};

type State = 'head' | 'body' | 'done' | 'stopped';

/** Reads one answer after another from the bytes of a connection. */
export class AnswerReader {
  private state: State = 'head';
  private headText = '';
  private head: AnswerHead | undefined;
  private left = 0;
  private chunks: Chunks | undefined;

  /** Whether the answer has come to its end. */
  get done(): boolean {
    return this.state === 'done';
  }

  /** Whether the connection may be used again, once it is done. */
  get keepAlive(): boolean {
    return this.head?.keepAlive === true;
  }

  /** The sink wants no more. */
  stop(): void {
    this.state = 'stopped';
  }

  /** Another request has been sent. */
  begin(): void {
    this.state = 'head';
    this.headText = '';
    this.head = undefined;
    this.chunks = undefined;
  }

  /** Takes what has come, which stays the reader's only for this call. Returns how much of it belongs to this answer. Throws a BadAnswer. */
  take(bytes: Buffer, sink: AnswerSink): number {
    let at = 0;
    while (this.state === 'head' && at < bytes.length) at = this.takeHead(bytes, at, sink);
    if (this.state === 'body' && at < bytes.length) at = this.takeBody(bytes, at, sink);
    return at;
  }

  /** The connection has ended in good order; returns whether the answer had come to its end by that. */
  takeEnd(): boolean {
    if (this.state === 'body' && this.head?.framing.kind === 'close') this.state = 'done';
    return this.done;
  }

  private takeHead(bytes: Buffer, from: number, sink: AnswerSink): number {
    const known = this.headText.length;
    const found = known === 0 ? bytes.indexOf(headEnd, from, 'latin1') : -1;
    if (found >= 0 && found - from <= maxHeadBytes) {
      this.startWith(bytes.toString('latin1', from, found + 2), sink);
      return found + headEnd.length;
    }
    const text = this.headText + bytes.toString('latin1', from, Math.min(bytes.length, from + maxHeadBytes + headEnd.length));
    const end = text.indexOf(headEnd, Math.max(0, known - headEnd.length));
    if (end < 0 ? text.length > maxHeadBytes : end > maxHeadBytes) throw new BadAnswer(`its head is longer than ${maxHeadBytes} bytes`);
    if (end < 0) {
      this.headText = text;
      return bytes.length;
    }
    this.headText = '';
    this.startWith(text.slice(0, end + 2), sink);
    return from + end + headEnd.length - known;
  }

  private startWith(text: string, sink: AnswerSink): void {
    const head = parseHead(text);
    if (head.status === 101) throw new BadAnswer('it changes the protocol, which nobody asked for');
    if (head.status < 200) return; // a word on the way; the answer is still to come
    this.head = head;
    const { kind } = head.framing;
    this.left = head.framing.kind === 'length' ? head.framing.length : Number.POSITIVE_INFINITY;
    if (kind === 'chunked') this.chunks = new Chunks();
    this.state = kind === 'none' || this.left === 0 ? 'done' : 'body';
    sink.onResponseStart(head.status, head.headers);
  }

  private takeBody(bytes: Buffer, from: number, sink: AnswerSink): number {
    if (this.chunks) return this.takeChunks(this.chunks, bytes, from, sink);
    const end = Math.min(bytes.length, from + this.left);
    this.left -= end - from;
    if (this.left === 0) this.state = 'done';
    sink.onResponseData(Buffer.from(bytes.subarray(from, end)));
    return end;
  }

  /** What came together goes on together, however many chunks it is. */
  private takeChunks(chunks: Chunks, bytes: Buffer, from: number, sink: AnswerSink): number {
    const data = Buffer.allocUnsafe(bytes.length - from);
    const { at, length } = chunks.take(bytes, from, data);
    if (chunks.done) this.state = 'done';
    if (length > 0) sink.onResponseData(data.subarray(0, length));
    if (chunks.broken) throw chunks.broken;
    return at;
  }
}
