import { Redis } from 'ioredis';
import type { Random } from '../../core/clock.ts';
import type { Script } from './script.ts';

/** No answer in this time means that the server is gone: nobody waits longer for it. */
export const commandTimeoutMs = 250;
const connectTimeoutMs = 2_000;
/** A new connection that is silent for so long is closed. Less than a process may be busy with other things. */
const silenceMs = 5_000;
const longestPauseMs = 1_000;

/** A server that was gone is used again after this long, at a time of each gateway's own within the spread. */
const restMs = 250;
const returnSpreadMs = 1_500;

/** Where a Redis or Valkey is. */
export type RedisAddress = {
  /** `redis://` or `rediss://`; it may hold a user and a password, and is never shown. */
  readonly url: string;
  /** PEM of the authorities that a `rediss://` server must be certified by; those that Node knows unless given. */
  readonly ca?: string | undefined;
};

/** What a link tells its owner: once when it is lost, and once when it may be used again. */
export type LinkEvents = { readonly lost: (cause: unknown) => void; readonly back: () => void };

/**
 * A connection to Redis or Valkey that never queues: what cannot be asked now fails now. A server that closes the connection, or
 * accepts it and says nothing, is lost; it is used again when it has answered a PING, by each gateway at a time of its own, for a
 * server that has just come back would have all of them in one moment.
 */
export class RedisLink {
  private readonly redis: Redis;
  private readonly random: Random;
  private readonly events: LinkEvents;
  private state: 'new' | 'usable' | 'lost' | 'closed' = 'new';
  private returning: NodeJS.Timeout | undefined;

  constructor({ url, ca }: RedisAddress, random: Random, events: LinkEvents) {
    this.random = random;
    this.events = events;
    this.redis = new Redis(url, {
      connectTimeout: connectTimeoutMs,
      socketTimeout: silenceMs,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 6), longestPauseMs) * (0.5 + random()),
      // The name may lead to another server by now.
      reconnectOnError: ({ message }) => message.startsWith('READONLY'),
      ...(ca !== undefined && { tls: { ca } }),
    });
    this.redis.on('error', (cause) => this.lose(cause));
    this.redis.on('close', () => this.lose(new Error('the connection was closed')));
    this.redis.on('ready', () => {
      if (this.state === 'new') this.state = 'usable';
      else this.returnLater();
    });
  }

  /** Whether it makes sense to ask. */
  get usable(): boolean {
    return this.state === 'usable' && this.redis.status === 'ready';
  }

  /** Takes the server for gone: for who has found its answers of no use, or wanted it before there was a connection. */
  lose(cause: unknown): void {
    if (this.state === 'lost' || this.state === 'closed') return;
    this.state = 'lost';
    this.events.lost(cause);
    this.returnLater();
  }

  /** Runs a script; sends its text only when the server does not know it yet. Rejects with the server's refusal, or when it is lost. */
  async run({ sha, lua }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await answered(this.redis.evalsha(sha, keys.length, ...keys, ...args));
    } catch (cause) {
      if (!isRefusal(cause) || !cause.message.startsWith('NOSCRIPT')) throw this.judge(cause);
    }
    return answered(this.redis.eval(lua, keys.length, ...keys, ...args)).catch((cause: unknown) => {
      throw this.judge(cause);
    });
  }

  /** The bytes at a key, if any. Rejects as `run` does. */
  get(key: string): Promise<Buffer | null> {
    return answered(this.redis.getBuffer(key)).catch((cause: unknown) => {
      throw this.judge(cause);
    });
  }

  /** Keeps bytes for so many milliseconds. Rejects as `run` does. */
  async put(key: string, bytes: Buffer, ttlMs: number): Promise<void> {
    await answered(this.redis.set(key, bytes, 'PX', ttlMs)).catch((cause: unknown) => {
      throw this.judge(cause);
    });
  }

  /** Ends once what was sent has been answered, within the time that any answer has. */
  async close(): Promise<void> {
    const { usable } = this;
    this.state = 'closed';
    clearTimeout(this.returning);
    if (usable) await answered(this.redis.quit()).catch(() => {}); // it is gone: nothing is left to wait for
    this.redis.disconnect();
  }

  /** What the server refuses says nothing of the connection; anything else does. */
  private judge(cause: unknown): unknown {
    if (!isRefusal(cause)) this.lose(cause);
    return cause;
  }

  private returnLater(): void {
    if (this.state !== 'lost') return;
    clearTimeout(this.returning);
    this.returning = setTimeout(
      () => {
        // Without a connection there is nothing to try: its return brings us here again.
        if (this.redis.status !== 'ready') return;
        // The host behind a silent connection may be gone for good.
        answered(this.redis.ping()).then(this.comeBack, () => this.reconnect());
      },
      restMs + this.random() * returnSpreadMs,
    ).unref();
  }

  private reconnect(): void {
    // Where the connection was lost meanwhile, the next one is on its way.
    if (this.state === 'lost' && this.redis.status === 'ready') this.redis.disconnect(true);
  }

  private readonly comeBack = (): void => {
    if (this.state !== 'lost') return;
    this.state = 'usable';
    this.events.back();
  };
}

/** Rejects when the answer does not come in time. What has come while this process was busy with other things has come in time. */
function answered<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const refuse = () => reject(new Error(`there was no answer within ${commandTimeoutMs} ms`));
    // Node looks at timers before it reads sockets, and at immediates after.
    const timer = setTimeout(() => setImmediate(refuse), commandTimeoutMs);
    answer.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (cause: unknown) => {
        clearTimeout(timer);
        reject(cause);
      },
    );
  });
}

function isRefusal(cause: unknown): cause is Error {
  return cause instanceof Error && cause.name === 'ReplyError';
}
