/** Keeps a copy of an answer on its way to the caller, until it is too long. */
export class AnswerRecorder {
  private parts: Buffer[] = [];
  private bytes = 0;
  private readonly maxBytes: number;
  private readonly onWhole: (contentType: string, body: Buffer) => void;

  /** Calls `onWhole` when the answer has come to its good end within `maxBytes`. */
  constructor(maxBytes: number, onWhole: (contentType: string, body: Buffer) => void) {
    this.maxBytes = maxBytes;
    this.onWhole = onWhole;
  }

  add(bytes: Buffer): void {
    this.bytes += bytes.length;
    if (this.bytes <= this.maxBytes) this.parts.push(bytes);
    else this.parts = [];
  }

  /** The answer is whole. Its parts are copied, because they are pieces of larger buffers. */
  end(contentType: string): void {
    if (this.bytes <= this.maxBytes) this.onWhole(contentType, Buffer.concat(this.parts));
  }
}
