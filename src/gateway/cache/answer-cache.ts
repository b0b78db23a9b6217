/** An answer that was given, as its caller got it. */
export type CachedAnswer = { readonly contentType: string; readonly body: Buffer; readonly storedAt: number };

/** Keeps answers to give them again. Instants are milliseconds. */
export type AnswerCache = {
  /** Longest answer that is kept, in bytes. */
  readonly maxAnswerBytes: number;
  /** Whether answers are found now; absent where they are kept in this process. */
  readonly usable?: boolean;
  /** The answer that was kept under a key, if it is still good; waits only where answers are kept elsewhere, and then not for long. */
  get(key: string, now: number): CachedAnswer | undefined | Promise<CachedAnswer | undefined>;
  /** Keeps an answer for so long, or not at all. Never throws, never waits. */
  set(key: string, answer: CachedAnswer, ttlMs: number): void;
};
