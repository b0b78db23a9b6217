import { Redis } from 'ioredis';
import type { Random } from '../../core/clock.ts';
import type { Script } from './redis-scripts.ts';

/** No answer in this time means that the store is gone: a request does not wait longer for its limits. */
const commandTimeoutMs = 250;
const connectTimeoutMs = 2_000;
const longestPauseMs = 2_000;

/** A connection to Redis or Valkey that never queues: what cannot be asked now fails now. It comes back by itself. */
export class RedisLink {
  private readonly redis: Redis;

  /** Errors of the connection go to `onLoss`, also those of each try to come back; `onReady` is called at each success. */
  constructor(url: string, random: Random, on: { readonly loss: (cause: Error) => void; readonly ready: () => void }) {
    this.redis = new Redis(url, {
      commandTimeout: commandTimeoutMs,
      connectTimeout: connectTimeoutMs,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      // Each gateway at its own time, or a server that comes back would have them all at once.
      retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 6), longestPauseMs) * (0.5 + random()),
    });
    this.redis.on('error', on.loss);
    this.redis.on('ready', on.ready);
    this.redis.on('close', () => on.loss(new Error('the connection was closed')));
  }

  get ready(): boolean {
    return this.redis.status === 'ready';
  }

  /** Runs a script; sends its text only when the server does not know it yet. */
  async run({ sha, lua }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.redis.eval(lua, keys.length, ...keys, ...args);
    }
  }

  async ping(): Promise<void> {
    await this.redis.ping();
  }

  /** Ends once what was sent has been answered, within the time that any answer has. */
  async close(): Promise<void> {
    if (this.ready) await this.redis.quit().catch(() => {}); // it is gone: nothing is left to wait for
    this.redis.disconnect();
  }
}
