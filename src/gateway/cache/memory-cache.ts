import type { AnswerCache, CachedAnswer } from './answer-cache.ts';

type Entry = CachedAnswer & { readonly expiresAt: number };

/** What an entry takes besides its body, about. */
const entryBytes = 512;
/** A single answer may take this part of the whole at most. */
const largestPart = 1 / 16;

/** Answers in memory, within a bound in bytes: the one that was not asked for the longest goes first. Instants are milliseconds. */
export class MemoryCache implements AnswerCache {
  private readonly entries = new Map<string, Entry>();
  private readonly maxBytes: number;
  private bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Bytes that the answers take. */
  get size(): number {
    return this.bytes;
  }

  /** Longest answer that is kept, in bytes. */
  get maxAnswerBytes(): number {
    return this.maxBytes * largestPart - entryBytes;
  }

  get(key: string, now: number): CachedAnswer | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.drop(key, entry);
    if (entry.expiresAt <= now) return undefined;
    this.keep(key, entry);
    return entry;
  }

  set(key: string, answer: CachedAnswer, ttlMs: number): void {
    if (answer.body.length > this.maxAnswerBytes) return;
    const old = this.entries.get(key);
    if (old) this.drop(key, old);
    this.keep(key, { ...answer, expiresAt: answer.storedAt + ttlMs });
    for (const [oldest, entry] of this.entries) {
      if (this.bytes <= this.maxBytes) return;
      this.drop(oldest, entry);
    }
  }

  /** A Map keeps the order of insertion: the last is the one asked for last. */
  private keep(key: string, entry: Entry): void {
    this.entries.set(key, entry);
    this.bytes += entry.body.length + entryBytes;
  }

  private drop(key: string, entry: Entry): void {
    this.entries.delete(key);
    this.bytes -= entry.body.length + entryBytes;
  }
}
