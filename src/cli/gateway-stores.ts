import { readFile } from 'node:fs/promises';
import { systemClock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { RedisCache } from '../gateway/cache/redis-cache.ts';
import { RedisStore } from '../gateway/limits/redis-store.ts';
import type { RedisAddress } from '../gateway/redis/link.ts';
import { type LineOutput, UsageLog } from '../gateway/usage/log.ts';
import { UsageLogs } from '../gateway/usage/logs.ts';
import { RotatingFile, streamOutput } from '../gateway/usage/output.ts';
import { RedisStream } from '../gateway/usage/redis-stream.ts';

/** Options of what a gateway keeps outside of itself. */
export type StoreOptions = {
  readonly redisUrl?: string;
  readonly redisCaFile?: string;
  /** `memory`, `redis` or an address. */
  readonly responseCache: string;
  readonly usageLog?: string;
  readonly usageLogMaxBytes: number;
  readonly usageLogFiles: number;
  readonly usageStream?: string;
  readonly usageStreamMaxRecords: number;
};

/** What is open; undefined what was not asked for. */
export type Stores = {
  readonly limits: RedisStore | undefined;
  readonly responseCache: RedisCache | undefined;
  readonly usageLog: UsageLogs | undefined;
  /** One of those that the log writes to. */
  readonly usageStream: RedisStream | undefined;
  /** Ends once what the gateway has left there has arrived, or cannot. */
  close(): Promise<void>;
};

/** Opens them. Rejects when an option makes no sense or a file cannot be used; a server that is not there is waited for by who needs it. */
export async function openStores(options: StoreOptions, gateways: () => number, logger: Logger): Promise<Stores> {
  const { redisUrl, redisCaFile, responseCache: answers, usageStream: stream, usageStreamMaxRecords: maxRecords } = options;
  const shared = redisUrl === undefined ? undefined : await addressOf(redisUrl, '--redis-url', redisCaFile);
  if (!shared && stream !== undefined) throw new Error('--usage-stream is a stream of the server of --redis-url: give that too.');
  const cacheAddress = await answersAddress(answers, shared, redisCaFile);
  if (redisCaFile !== undefined && !shared?.ca && !cacheAddress?.ca)
    throw new Error('--redis-ca-file is for a server that speaks TLS: give a --redis-url that begins with rediss:// too.');
  const file = await openUsageFile(options);

  const common = { clock: systemClock, random: Math.random, logger };
  const limits = shared && new RedisStore({ ...shared, ...common, gateways });
  const responseCache = cacheAddress && new RedisCache({ ...cacheAddress, ...common });
  const usageStream = shared && stream !== undefined ? new RedisStream({ ...shared, ...common, stream, maxRecords }) : undefined;
  const outputs = [file, usageStream].filter((output) => output !== undefined);
  const logs = outputs.map((output) => new UsageLog({ output, clock: systemClock, logger }));
  const usageLog = logs.length > 0 ? new UsageLogs(logs) : undefined;
  return {
    limits,
    responseCache,
    usageLog,
    usageStream,
    async close() {
      await Promise.all([limits?.close(), responseCache?.close(), usageLog?.close()]);
    },
  };
}

/** Where answers are kept; undefined for the memory of the gateway. */
function answersAddress(answers: string, shared: RedisAddress | undefined, caFile: string | undefined): Promise<RedisAddress | undefined> {
  if (answers === 'memory') return Promise.resolve(undefined);
  if (answers !== 'redis') return addressOf(answers, '--response-cache', caFile);
  if (!shared) throw new Error('--response-cache redis is the server of --redis-url: give that too, or an address in place of "redis".');
  return Promise.resolve(shared);
}

/** The address may hold a password, so messages do not repeat it. */
async function addressOf(url: string, flag: string, caFile: string | undefined): Promise<RedisAddress> {
  const protocol = URL.parse(url)?.protocol;
  if (protocol === 'redis:') return { url };
  if (protocol === 'rediss:') return caFile === undefined ? { url } : { url, ca: await certificatesOf(caFile) };
  throw new Error(`${flag} is no address of a Redis: give one such as redis://host:6379/0, or rediss:// for TLS.`);
}

async function certificatesOf(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(`Cannot read ${file}, which --redis-ca-file names.`, { cause });
  });
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new Error(`There is no PEM certificate in ${file}, which --redis-ca-file names.`);
  return text;
}

async function openUsageFile({
  usageLog: file,
  usageLogMaxBytes: maxBytes,
  usageLogFiles: keep,
}: StoreOptions): Promise<LineOutput | undefined> {
  if (file === undefined) return undefined;
  return file === '-' ? streamOutput(process.stdout) : RotatingFile.open({ file, maxBytes, keep });
}
