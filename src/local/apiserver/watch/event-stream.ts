import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../../core/clock.ts';

const chunkCharacters = 64 * 1024;
const patienceMs = 30_000;

/** A response that streams lines. Never holds more than a chunk beyond what the socket buffers; a reader that stalls for 30 s is cut. */
export class EventStream implements AsyncDisposable {
  private readonly response: ServerResponse;
  private readonly clock: Clock;
  private readonly closing = new AbortController();
  private readonly signal: AbortSignal;
  private readonly cleanups: (() => void)[] = [];
  private sleeper = Promise.withResolvers<void>();

  constructor(response: ServerResponse, signal: AbortSignal, clock: Clock) {
    this.response = response;
    this.clock = clock;
    this.signal = AbortSignal.any([signal, this.closing.signal]);
    this.signal.addEventListener('abort', () => this.wake(), { once: true });
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    response.flushHeaders();
  }

  get ended(): boolean {
    return this.signal.aborted || this.response.destroyed || this.response.writableEnded;
  }

  /** Runs when the stream is disposed of. */
  onEnd(cleanup: () => void): void {
    this.cleanups.push(cleanup);
  }

  /** Makes the pending or the next `woken` resolve. */
  wake(): void {
    this.sleeper.resolve();
  }

  async woken(): Promise<void> {
    if (!this.ended) await this.sleeper.promise;
    this.sleeper = Promise.withResolvers<void>();
  }

  /** Wakes the stream after `ms`, again and again when `repeats`. Returns whether it is due; asking resets it. */
  timer(ms: number, repeats: boolean): () => boolean {
    let due = false;
    const run = async () => {
      do {
        await this.clock.sleep(ms, this.signal);
        due = true;
        this.wake();
      } while (repeats);
    };
    run().catch((error: unknown) => {
      // The stream ended first.
      if (!this.signal.aborted) throw error;
    });
    return () => {
      const was = due;
      due = false;
      return was;
    };
  }

  /** Writes lines at the pace of the reader. */
  async write(lines: Iterable<string>): Promise<void> {
    let chunk = '';
    for (const line of lines) {
      chunk += line;
      if (chunk.length < chunkCharacters) continue;
      await this.send(chunk);
      if (this.ended) return;
      chunk = '';
    }
    if (chunk !== '') await this.send(chunk);
  }

  /** Ends the response in good order. */
  finish(lastLine?: string): void {
    if (!this.response.destroyed && !this.response.writableEnded) this.response.end(lastLine);
    this.closing.abort();
  }

  /** Drops the connection. */
  cut(): void {
    this.response.destroy();
    this.closing.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.finish();
    for (const cleanup of this.cleanups) cleanup();
  }

  private async send(chunk: string): Promise<void> {
    if (this.ended || this.response.write(chunk)) return;
    const settled = new AbortController();
    const signal = AbortSignal.any([this.signal, settled.signal]);
    try {
      const drained = once(this.response, 'drain', { signal }).then(() => true);
      const impatient = this.clock.sleep(patienceMs, signal).then(() => false);
      if (!(await Promise.race([drained, impatient]))) this.cut();
    } catch (error) {
      if (!this.signal.aborted) throw error;
    } finally {
      settled.abort();
    }
  }
}
