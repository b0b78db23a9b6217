/** From so many parts on small ones are put together. */
const many = 64;
/** What is smaller: a part costs a hundred bytes and more besides its own. */
const smallBytes = 4_096;
const blockBytes = 65_536;

const nothing: Buffer = Buffer.alloc(0);

/**
 * Bytes that come in parts and are wanted as a whole. Whoever sends them decides how large the parts are: a body of 16 MiB in chunks of
 * one byte would take gigabytes, so small parts are copied together once there are many.
 */
export class Parts {
  /** How many bytes there are. */
  size = 0;
  private list: Buffer[] = [];
  private block: Buffer | undefined;
  private filled = 0;

  add(part: Buffer): void {
    this.size += part.length;
    if (this.list.length >= many && part.length < smallBytes) {
      this.gather(part);
      return;
    }
    this.closeBlock();
    this.list.push(part);
  }

  /** All of them, in order; then there are none. One part alone is given back as it came. */
  take(): Buffer {
    this.closeBlock();
    const { list } = this;
    this.list = [];
    this.size = 0;
    return list.length === 1 ? (list[0] ?? nothing) : Buffer.concat(list);
  }

  private gather(part: Buffer): void {
    if (this.filled + part.length > blockBytes) this.closeBlock();
    this.block ??= Buffer.allocUnsafe(blockBytes);
    part.copy(this.block, this.filled);
    this.filled += part.length;
  }

  private closeBlock(): void {
    if (!this.block || this.filled === 0) return;
    if (this.filled < blockBytes / 2) {
      this.list.push(Buffer.from(this.block.subarray(0, this.filled)));
    } else {
      this.list.push(this.block.subarray(0, this.filled));
      this.block = undefined;
    }
    this.filled = 0;
  }
}
