import type { Clock, Random } from '../../core/clock.ts';
import { describeError } from '../../core/failure.ts';
import type { Logger } from '../../core/logger.ts';
import { type RedisAddress, RedisLink } from '../redis/link.ts';
import type { AnswerCache, CachedAnswer } from './answer-cache.ts';
import { decodeAnswer, encodeAnswer } from './stored-answer.ts';

/** No request waits longer for an answer that may be there: then it is one that is not. */
const patienceMs = 20;

/** Longer answers are not kept: each one holds up those behind it for as long as it is on its way. */
const maxAnswerBytes = 1_048_576;

/** So much may be on its way to the server; more is not kept, so that a slow server does not fill the memory. */
const maxPendingBytes = 16 * 1_048_576;

/** How often it is said that the server refuses. */
const complainMs = 60_000;

type RedisCacheOptions = RedisAddress & { readonly clock: Pick<Clock, 'now'>; readonly random: Random; readonly logger: Logger };

/**
 * Answers in Redis or Valkey, where all gateways find them. Each is kept for its time; when memory runs short the server decides
 * what goes. While it is gone, or slow, nothing is found and nothing kept.
 */
export class RedisCache implements AnswerCache {
  readonly maxAnswerBytes = maxAnswerBytes;
  private readonly link: RedisLink;
  private readonly options: RedisCacheOptions;
  private pendingBytes = 0;
  private complainedAt = Number.NEGATIVE_INFINITY;

  constructor(options: RedisCacheOptions) {
    this.options = options;
    const { random, logger } = options;
    this.link = new RedisLink(options, random, {
      lost: (cause) => logger.warn({ cause: describeError(cause) }, 'the store of answers is gone: no answer is given again'),
      back: () => logger.info('the store of answers is back'),
    });
  }

  /** Whether answers are found now. */
  get usable(): boolean {
    return this.link.usable;
  }

  get(key: string): undefined | Promise<CachedAnswer | undefined> {
    return this.link.usable ? this.find(key) : undefined;
  }

  set(key: string, answer: CachedAnswer, ttlMs: number): void {
    const { length } = answer.body;
    if (!this.link.usable || length > maxAnswerBytes || this.pendingBytes + length > maxPendingBytes) return;
    this.pendingBytes += length;
    this.link
      .put(nameOf(key), encodeAnswer(answer), ttlMs)
      .catch((cause: unknown) => this.complain(cause))
      .finally(() => {
        this.pendingBytes -= length;
      });
  }

  /** Ends the connection once what was kept has arrived. */
  async close(): Promise<void> {
    await this.link.close();
  }

  private async find(key: string): Promise<CachedAnswer | undefined> {
    const late = Promise.withResolvers<null>();
    // After the sockets have been read: an answer that has arrived is not late.
    const timer = setTimeout(() => setImmediate(late.resolve, null), patienceMs);
    try {
      const bytes = await Promise.race([this.link.get(nameOf(key)), late.promise]);
      return bytes ? decodeAnswer(bytes) : undefined;
    } catch (cause) {
      this.complain(cause);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  private complain(cause: unknown): void {
    const now = this.options.clock.now();
    if (!this.link.usable || now - this.complainedAt < complainMs) return; // of the loss the link has told
    this.complainedAt = now;
    this.options.logger.warn({ cause: describeError(cause) }, 'the store of answers refuses: no answer is given again');
  }
}

/** The key tells tenants apart, and is a hash: nobody reads a prompt in it. */
function nameOf(key: string): string {
  return `modelfleet:cache:${key}`;
}
