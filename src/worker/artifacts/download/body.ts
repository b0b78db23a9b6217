import type { Readable } from 'node:stream';

/** What is read ahead while the disk writes. */
const aheadBytes = 1 << 20;

/**
 * The body of an answer, taken in from the first moment on. Unlike a stream's own iterator it hands out all that came before
 * the connection broke, then throws: on a bad line each try must get further than the one before.
 */
export class Body {
  private readonly stream: Readable;
  private pieces: Buffer[] = [];
  private bytes = 0;
  private over: { readonly error?: unknown } | undefined;
  private news = Promise.withResolvers<void>();

  constructor(stream: Readable) {
    this.stream = stream;
    stream
      .on('data', (piece: Buffer) => this.take(piece))
      .once('end', () => this.end({}))
      .on('error', (error) => this.end({ error }))
      .once('close', () => this.end({ error: new Error('the connection was closed') }));
  }

  /** As many pieces at a time as have come, so that the disk gets large writes. Throws what ended the connection early. */
  async *batches(): AsyncGenerator<readonly Buffer[], void, void> {
    for (;;) {
      if (this.pieces.length > 0) {
        const batch = this.pieces;
        this.pieces = [];
        this.bytes = 0;
        this.stream.resume();
        yield batch;
      } else if (this.over) {
        if ('error' in this.over) throw this.over.error;
        return;
      } else {
        await this.news.promise;
        this.news = Promise.withResolvers();
      }
    }
  }

  destroy(): void {
    this.stream.destroy();
  }

  private take(piece: Buffer): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
    if (this.bytes >= aheadBytes) this.stream.pause();
    this.news.resolve();
  }

  private end(how: { readonly error?: unknown }): void {
    this.over ??= how;
    this.news.resolve();
  }
}
