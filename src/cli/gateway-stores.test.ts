import { expect, test } from 'vitest';
import { silentLogger } from '../core/logger.ts';
import { openStores, type StoreOptions } from './gateway-stores.ts';

const defaults = { responseCache: 'memory', usageLogMaxBytes: 1_000_000, usageLogFiles: 1, usageStreamMaxRecords: 1_000 };
const open = (options: Partial<StoreOptions>) => openStores({ ...defaults, ...options }, () => 1, silentLogger);

test('opens nothing that was not asked for', async () => {
  const stores = await open({});
  expect(stores).toMatchObject({ limits: undefined, responseCache: undefined, usageLog: undefined });
  await stores.close();
});

test.each<[Partial<StoreOptions>, string]>([
  [{ redisUrl: 'http://:secret@cache' }, '--redis-url is no address of a Redis: give one such as redis://host:6379/0'],
  [{ redisUrl: 'rediss://:secret@cache', redisCaFile: '/none' }, 'Cannot read /none, which --redis-ca-file names.'],
  [{ redisUrl: 'rediss://:secret@cache', redisCaFile: import.meta.filename }, 'There is no PEM certificate in'],
  [{ redisUrl: 'redis://:secret@cache', redisCaFile: '/none' }, 'give a --redis-url that begins with rediss:// too.'],
  [{ responseCache: 'disk://:secret@cache' }, '--response-cache is no address of a Redis: give one'],
  [{ responseCache: 'redis' }, '--response-cache redis is the server of --redis-url: give that too'],
  [{ usageStream: 'modelfleet:usage' }, '--usage-stream is a stream of the server of --redis-url: give that too.'],
])('refuses %j and says what it expects', async (options, sentence) => {
  const refusal = await open(options).then(
    () => 'nothing',
    (error: unknown) => String(error),
  );
  expect(refusal).toContain(sentence);
  expect(refusal).not.toContain('secret');
});
