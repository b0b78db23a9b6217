import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** Shorter ones can be guessed. */
const minLength = 16;

/**
 * A secret that two of our processes share, in a file that others may change at any time: it is read at each use.
 * It holds one token a line. Whoever asks sends the first, whoever is asked takes any, so that a new one can be brought in
 * (as second line, then as first line, then alone) without a moment in which the two do not understand each other.
 */
export class TokenFile {
  private readonly file: string;

  private constructor(file: string) {
    this.file = file;
  }

  /** Rejects with a sentence for people when the file cannot be read, or holds no token or a short one. */
  static async open(file: string): Promise<TokenFile> {
    const tokens = new TokenFile(file);
    await tokens.read();
    return tokens;
  }

  /** The tokens of the file, one at least. Rejects like `open`. */
  async read(): Promise<readonly string[]> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (cause) {
      throw new Error(`Cannot read the tokens in ${this.file}`, { cause });
    }
    const tokens = text.split(/\s+/).filter((token) => token !== '');
    if (tokens.length > 0 && tokens.every(({ length }) => length >= minLength)) return tokens;
    throw new Error(`${this.file} must hold a token of at least ${minLength} characters, or several, one a line.`);
  }

  /** Whether this is a token of the file; how long that takes tells nothing about them. */
  async accepts(given: string): Promise<boolean> {
    const tokens = await this.read();
    return tokens.reduce((found, token) => timingSafeEqual(digest(token), digest(given)) || found, false);
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
