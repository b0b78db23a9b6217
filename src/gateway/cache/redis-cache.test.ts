import { afterEach, describe, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import { wholeAnswer } from '../../../test/fakes/mock-worker.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { RedisServer, storePrograms } from '../testing/redis-server.fake.ts';
import { RedisCache } from './redis-cache.ts';

for (const { program, missing, title } of storePrograms) {
  describe.skipIf(missing !== undefined)(`answers in ${title}`, () => {
    const caches: RedisCache[] = [];

    afterEach(() => Promise.all(caches.splice(0).map((cache) => cache.close())));

    async function open(server: RedisServer): Promise<RedisCache> {
      const cache = new RedisCache({ url: server.url, clock: systemClock, random: () => 0, logger: silentLogger });
      caches.push(cache);
      await eventually(() => expect(cache.usable).toBe(true));
      return cache;
    }

    const body = (bytes: number) => ({ contentType: 'text/plain', storedAt: 1_000, body: Buffer.alloc(bytes, 'x') });

    test('what one gateway has kept another gives, to the same tenant alone', async () => {
      await using server = await RedisServer.start({ program });
      const start = async () => startTestGateway({ serving: { cacheTtlMs: 60_000 }, responseCache: await open(server) });
      await using one = await start();
      await using two = await start();
      for (const { keys } of [one, two]) {
        keys.set('acme', [{ name: 'k', hash: hashApiKey('mf-acme') }]);
        keys.set('beta', [{ name: 'k', hash: hashApiKey('mf-beta') }]);
      }
      const read = async (gateway: TestGateway, key: string) => {
        const answer = await gateway.post({ model: 'm', temperature: 0, messages: [] }, { key });
        expect(await answer.text()).toBe(wholeAnswer('m'));
        return answer.headers.get('x-modelfleet-cache');
      };
      expect(await read(one, 'mf-acme')).toBe('miss');
      await eventually(async () => expect(await read(two, 'mf-acme')).toBe('hit'));
      const asked = two.workers[0]?.seen.length;
      expect(await read(two, 'mf-acme')).toBe('hit');
      expect(two.workers[0]?.seen).toHaveLength(asked ?? -1);
      expect(await read(two, 'mf-beta')).toBe('miss');
    });

    test('an answer goes with its time, and one that is too long is not kept', async () => {
      await using server = await RedisServer.start({ program });
      const cache = await open(server);
      cache.set('short', body(10), 60_000);
      cache.set('brief', body(10), 1);
      cache.set('long', body(cache.maxAnswerBytes + 1), 60_000);
      cache.set('longest', body(cache.maxAnswerBytes), 60_000);
      await eventually(async () => expect((await cache.get('longest'))?.body).toHaveLength(cache.maxAnswerBytes));
      expect(await cache.get('short')).toEqual(body(10));
      await eventually(async () => expect(await cache.get('brief')).toBeUndefined());
      expect(await cache.get('long')).toBeUndefined();
    });

    test('without its store a gateway answers as if nothing were kept, and finds back to it', async () => {
      await using server = await RedisServer.start({ program });
      const cache = await open(server);
      await using gateway = await startTestGateway({ serving: { cacheTtlMs: 60_000 }, responseCache: cache });
      const ask = async () => {
        const answer = await gateway.post({ model: 'm', temperature: 0, messages: [] });
        expect([answer.status, await answer.text()]).toEqual([200, wholeAnswer('m')]);
        return answer.headers.get('x-modelfleet-cache');
      };
      await ask();
      await eventually(async () => expect(await ask()).toBe('hit'));
      server.freeze();
      expect(await cache.get('a')).toBeUndefined();
      expect(cache.usable).toBe(true); // nobody has waited until it counts as gone
      const startedAt = performance.now();
      for (let asked = 0; asked < 10; asked += 1) expect(await ask()).toBe('miss');
      await eventually(() => expect(cache.usable).toBe(false));
      expect(await gateway.metrics()).toContain('modelfleet_gateway_cache_connected 0\n');
      expect(cache.get('a')).toBeUndefined();
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      server.thaw();
      await eventually(async () => expect(await ask()).toBe('hit'));
      expect(await gateway.metrics()).toContain('modelfleet_gateway_cache_connected 1\n');
      await server.kill();
      expect(await ask()).toBe('miss');
      await server.run();
      await eventually(async () => expect(await ask()).toBe('hit'));
    });
  });
}
