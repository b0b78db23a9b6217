import type { Readable } from 'node:stream';
import { LineTail } from '../line-tail.ts';

const longestLine = 500;

/** Passes on what a process writes, line by line, and keeps the end of it. */
export class LastWords {
  /** Resolves when the stream has ended: all has been said. */
  readonly finished: Promise<void>;
  readonly tail = new LineTail();

  private partial = '';

  constructor(stream: Readable, onLine: (line: string) => void) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      const pieces = (this.partial + text).split('\n');
      this.partial = (pieces.pop() ?? '').slice(-longestLine);
      for (const piece of pieces) this.keep(piece, onLine);
    });
    this.finished = new Promise((resolve) => {
      stream.on('close', () => {
        this.keep(this.partial, onLine);
        this.partial = '';
        resolve();
      });
    });
  }

  private keep(text: string, onLine: (line: string) => void): void {
    const line = this.tail.add(text);
    if (line !== undefined) onLine(line);
  }
}
