type Part = 'head' | 'bytes' | 'size' | 'gap' | 'trailer';

const nothing = Buffer.alloc(0);

/**
 * Reads HTTP/1.1 answers, one after the other, from the bytes of a kept connection: bodies with a length or in chunks (RFC 9112, sections 6 and 7).
 * A benchmark's own, because a client such as undici takes several times the CPU time of the proxy that is measured beside it.
 */
export class AnswerReader {
  /** Of the answer that is read. */
  status = 0;
  private readonly onBody: (bytes: Buffer) => void;
  private part: Part = 'head';
  private chunked = false;
  /** Bytes that are missing of the body or of its chunk. */
  private left = 0;
  private bytes: Buffer = nothing;
  private at = 0;

  constructor(onBody: (bytes: Buffer) => void) {
    this.onBody = onBody;
  }

  /** Takes what has come; true when an answer is complete with it. Throws when it is no answer, or one that ends with its connection. */
  take(bytes: Buffer): boolean {
    this.bytes = this.at < this.bytes.length ? Buffer.concat([this.bytes.subarray(this.at), bytes]) : bytes;
    this.at = 0;
    while (this.at < this.bytes.length) {
      const complete = this.part === 'bytes' ? this.readBytes() : this.readText(this.part);
      if (complete !== undefined) return complete;
    }
    return false;
  }

  /** Undefined when there is more to read. */
  private readBytes(): boolean | undefined {
    const end = Math.min(this.bytes.length, this.at + this.left);
    this.left -= end - this.at;
    this.onBody(this.bytes.subarray(this.at, end));
    this.at = end;
    if (this.left > 0) return false;
    this.part = this.chunked ? 'gap' : 'head';
    return this.chunked ? undefined : true;
  }

  /** Undefined when there is more to read, false when the rest of a line has not come. */
  private readText(part: Exclude<Part, 'bytes'>): boolean | undefined {
    const end = part === 'head' ? '\r\n\r\n' : '\r\n';
    const found = this.bytes.indexOf(end, this.at, 'latin1');
    if (found < 0) return false;
    const text = this.bytes.toString('latin1', this.at, found);
    this.at = found + end.length;
    if (part === 'head') return this.begin(text);
    if (part === 'gap') this.part = 'size';
    else if (part === 'size') this.beginChunk(Number.parseInt(text, 16));
    else if (text === '') {
      this.part = 'head';
      return true;
    }
    return undefined;
  }

  private begin(head: string): true | undefined {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
    if (status === undefined) throw new Error(`no answer of HTTP/1.1: ${head.slice(0, 100)}`);
    this.status = Number(status);
    this.chunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (!this.chunked && length === undefined) throw new Error(`an answer that ends with its connection: ${head.slice(0, 100)}`);
    this.left = Number(length ?? 0);
    if (this.chunked) this.part = 'size';
    else if (this.left > 0) this.part = 'bytes';
    else return true;
    return undefined;
  }

  private beginChunk(size: number): void {
    if (Number.isNaN(size)) throw new Error('a chunk without a size');
    this.left = size;
    this.part = size > 0 ? 'bytes' : 'trailer';
  }
}
