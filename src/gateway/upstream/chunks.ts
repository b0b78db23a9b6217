import { BadAnswer } from './answer-head.ts';

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const semicolon = 0x3b;

/** Digits of a chunk's size: 4 GiB. */
const maxDigits = 8;
/** Of a chunk's extension, or of all trailers: nobody reads them. */
const maxIgnoredBytes = 16_384;

type State = 'size' | 'extension' | 'size end' | 'data' | 'data end' | 'data end 2' | 'trailer' | 'trailer end' | 'done' | 'broken';

/** Takes the chunks of a body apart (RFC 9112 section 7.1), however its bytes are cut into parts. Extensions and trailers are thrown away. */
export class Chunks {
  private state: State = 'size';
  private left = 0;
  private digits = 0;
  private ignored = 0;
  private lineLength = 0;

  /** What is wrong with what came behind the last good data; nothing is read behind that. */
  broken: BadAnswer | undefined;

  /** Whether the last chunk has come, with what follows it. */
  get done(): boolean {
    return this.state === 'done';
  }

  /**
   * Copies the data in `bytes` from `at` on to the beginning of `target`, which has room for all of them. Returns how much that was, and
   * `at` behind what was read, which is short of the end only when it is `done` or `broken`.
   */
  take(bytes: Buffer, at: number, target: Buffer): { readonly at: number; readonly length: number } {
    let next = at;
    let length = 0;
    while (next < bytes.length && this.state !== 'done' && this.state !== 'broken') {
      if (this.state === 'data') {
        const part = Math.min(this.left, bytes.length - next);
        bytes.copy(target, length, next, next + part);
        length += part;
        next += part;
        this.left -= part;
        if (this.left === 0) this.state = 'data end';
      } else {
        this.step(bytes[next] ?? 0);
        next += 1;
      }
    }
    return { at: next, length };
  }

  /** One byte that is no data. */
  private step(byte: number): void {
    switch (this.state) {
      case 'size':
        this.size(byte);
        break;
      case 'extension':
        if (byte === carriageReturn) this.state = 'size end';
        else this.ignore(byte);
        break;
      case 'size end':
        this.follow(byte, lineFeed, this.left > 0 ? 'data' : 'trailer');
        this.digits = 0;
        if (this.left > 0) this.ignored = 0;
        break;
      case 'data end':
        this.follow(byte, carriageReturn, 'data end 2');
        break;
      case 'data end 2':
        this.follow(byte, lineFeed, 'size');
        break;
      case 'trailer':
        if (byte === carriageReturn) this.state = 'trailer end';
        else this.trail(byte);
        break;
      case 'trailer end':
        this.follow(byte, lineFeed, this.lineLength === 0 ? 'done' : 'trailer');
        this.lineLength = 0;
        break;
    }
  }

  private follow(byte: number, wanted: number, next: State): void {
    if (byte === wanted) this.state = next;
    else this.fail('a line end is missing between its chunks');
  }

  private size(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.digits += 1;
      if (this.digits > maxDigits) this.fail('a chunk is too large');
      this.left = this.left * 16 + digit;
    } else if (this.digits === 0) this.fail('a chunk has no size');
    else if (byte === carriageReturn) this.state = 'size end';
    else if (byte === semicolon) this.state = 'extension';
    else this.fail('the size of a chunk is no number');
  }

  private trail(byte: number): void {
    this.lineLength += 1;
    this.ignore(byte);
  }

  private ignore(byte: number): void {
    this.ignored += 1;
    if (this.ignored > maxIgnoredBytes) this.fail('its chunks have too much beside their data');
    if (byte === lineFeed) this.fail('a line ends with a line feed alone');
  }

  private fail(why: string): void {
    this.state = 'broken';
    this.broken = new BadAnswer(why);
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
