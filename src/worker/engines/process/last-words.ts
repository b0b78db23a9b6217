import type { Readable } from 'node:stream';

const keptLines = 20;
const longestLine = 500;

/** Passes on what a process writes, line by line, and keeps the end of it: the reason of a crash is in its last words. */
export class LastWords {
  /** Resolves when the stream has ended: all has been said. */
  readonly finished: Promise<void>;

  private readonly lines: string[] = [];
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

  /** The last `count` lines, joined for a one-line message. */
  tail(count = 3): string {
    return this.lines.slice(-count).join(' | ');
  }

  private keep(text: string, onLine: (line: string) => void): void {
    const line = text.trim().slice(0, longestLine);
    if (line === '') return;
    this.lines.push(line);
    if (this.lines.length > keptLines) this.lines.shift();
    onLine(line);
  }
}
