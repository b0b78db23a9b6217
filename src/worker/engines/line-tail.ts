import { reasonInWords } from '../../core/failure-words.ts';
import type { FailureReason } from '../../core/reasons.ts';

const keptLines = 40;
const longestLine = 500;

/** The end of what a program writes: the reason of a crash is in its last words. */
export class LineTail {
  private readonly lines: string[] = [];

  /** Keeps a line and gives it back as it is kept; undefined for an empty one. */
  add(text: string): string | undefined {
    const line = text.trim().slice(0, longestLine);
    if (line === '') return undefined;
    this.lines.push(line);
    if (this.lines.length > keptLines) this.lines.shift();
    return line;
  }

  /** The failure that the lines tell of; undefined when they name none that has a reason of its own. */
  get reason(): FailureReason | undefined {
    return reasonInWords(this.lines.join('\n'));
  }

  /** The last `count` lines for a one-line message, and before them the one that names the cause when they do not. */
  last(count = 3): string {
    const { reason } = this;
    const cause = reason && this.lines.findLast((line) => reasonInWords(line) === reason);
    const last = this.lines.slice(-count);
    return (cause === undefined || last.includes(cause) ? last : [cause, '…', ...last]).join(' | ');
  }
}
