/** Turns tokens into text; `before` are the tokens that precede them. */
export type Detokenize<T> = (tokens: readonly T[], before: readonly T[]) => string;

/** A character is at most four bytes of UTF-8, so at most four byte tokens. */
const longestCharacter = 4;
const contextTokens = 16;

export type DetokenizedText = { readonly text: string; readonly tokens: number };

/** Turns a stream of tokens into text of whole characters: a character may be spread over several tokens. */
export class StreamDetokenizer<T> {
  private readonly detokenize: Detokenize<T>;
  private before: T[];
  private pending: T[] = [];

  constructor(detokenize: Detokenize<T>, prompt: readonly T[]) {
    this.detokenize = detokenize;
    this.before = prompt.slice(-contextTokens);
  }

  /** The text that `token` completes, and of how many tokens it is; no text while a character is incomplete. */
  push(token: T): DetokenizedText {
    this.pending.push(token);
    const text = this.detokenize(this.pending, this.before);
    if (text.endsWith('\uFFFD') && this.pending.length < longestCharacter) return { text: '', tokens: 0 };
    return this.take(text);
  }

  /** What is left when the stream has ended: an incomplete character shows as U+FFFD. */
  flush(): DetokenizedText {
    return this.pending.length === 0 ? { text: '', tokens: 0 } : this.take(this.detokenize(this.pending, this.before));
  }

  private take(text: string): DetokenizedText {
    const tokens = this.pending.length;
    this.before = [...this.before, ...this.pending].slice(-contextTokens);
    this.pending = [];
    return { text, tokens };
  }
}
