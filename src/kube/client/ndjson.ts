const newline = 0x0a;

/**
 * Cuts a byte stream into the JSON values of its lines, whatever the chunk borders: it splits on bytes, so no character is torn.
 * A last line without its newline is not a value: the stream was cut there.
 */
export class NdjsonDecoder {
  private readonly maxLineBytes: number;
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  constructor(maxLineBytes = 64 * 1024 * 1024) {
    this.maxLineBytes = maxLineBytes;
  }

  /** The values completed by this chunk. Throws a SyntaxError for a line that is not JSON, a RangeError for an endless one. */
  push(chunk: Buffer): unknown[] {
    const values: unknown[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const line = this.complete(chunk.subarray(start, end));
      start = end + 1;
      if (line.trim() !== '') values.push(JSON.parse(line));
    }
    if (start < chunk.length) this.keep(chunk.subarray(start));
    return values;
  }

  private complete(tail: Buffer): string {
    if (this.pending.length === 0) return tail.toString('utf8');
    const line = Buffer.concat([...this.pending, tail]).toString('utf8');
    this.pending = [];
    this.pendingBytes = 0;
    return line;
  }

  private keep(part: Buffer): void {
    this.pendingBytes += part.length;
    if (this.pendingBytes > this.maxLineBytes) throw new RangeError(`a line is longer than ${this.maxLineBytes} bytes`);
    this.pending.push(part);
  }
}
