import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { RedisServer, storePrograms } from '../testing/redis-server.fake.ts';
import { type RedisAddress, RedisLink } from './link.ts';
import { script } from './script.ts';

const whoAmI = script("return redis.call('GET', KEYS[1])");

let directory: string;
let certificate: string;
const links: RedisLink[] = [];
const files = () => ({ certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'redis-tls-'));
  const names = { name: 'subjectAltName' as const, altNames: [{ type: 7 as const, ip: '127.0.0.1' }] };
  const made = await generate([{ name: 'commonName', value: 'a store' }], { keyType: 'ec', algorithm: 'sha256', extensions: [names] });
  certificate = made.cert;
  await writeFile(files().certFile, made.cert);
  await writeFile(files().keyFile, made.private);
});
afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()));
  await rm(directory, { recursive: true });
});

/** A link, and what it has told. */
function connect(address: RedisAddress) {
  const told: string[] = [];
  const link = new RedisLink(address, () => 0, { lost: (cause) => told.push(String(cause)), back: () => told.push('back') });
  links.push(link);
  return { link, told };
}

for (const { program, missing, title } of storePrograms) {
  describe.skipIf(missing !== undefined)(`a link to ${title}`, () => {
    test('speaks TLS with a server that the given authority certifies, as the user of the address', async () => {
      await using server = await RedisServer.start({ program, secure: { ...files(), user: 'gateway', password: 'sesame' } });
      const { link, told } = connect({ url: server.url, ca: certificate });
      await eventually(() => expect(link.usable).toBe(true));
      await link.put('modelfleet:greeting', Buffer.from('hi'), 60_000);
      expect(await link.get('modelfleet:greeting')).toEqual(Buffer.from('hi'));
      expect(await link.run(whoAmI, ['modelfleet:greeting'], [])).toBe('hi');
      expect(told).toEqual([]);
    });

    test('does not speak to a server that nobody certifies, nor with a wrong password, and tells no secret', async () => {
      await using server = await RedisServer.start({ program, secure: { ...files(), user: 'gateway', password: 'sesame' } });
      const strange = connect({ url: server.url });
      const wrong = connect({ url: server.url.replace('sesame', 'guess'), ca: certificate });
      await eventually(() => expect(strange.told).toEqual([expect.stringContaining('self-signed certificate')]));
      await eventually(() => expect(wrong.told).toEqual([expect.stringContaining('WRONGPASS')]));
      expect([strange.link.usable, wrong.link.usable]).toEqual([false, false]);
      expect([...strange.told, ...wrong.told].join()).not.toMatch(/sesame|guess/);
    });

    test('what the server refuses does not lose the link', async () => {
      await using server = await RedisServer.start({ program, secure: { ...files(), user: 'gateway', password: 'sesame' } });
      const { link, told } = connect({ url: server.url, ca: certificate });
      await eventually(() => expect(link.usable).toBe(true));
      await expect(link.get('somebody-else')).rejects.toThrow('NOPERM');
      expect([link.usable, told]).toEqual([true, []]);
    });

    test('a server that hangs is lost once and found again, also when its connection had to be given up', async () => {
      await using server = await RedisServer.start({ program });
      const { link, told } = connect({ url: server.url });
      await eventually(() => expect(link.usable).toBe(true));
      for (const patienceMs of [0, 2_000]) {
        server.freeze();
        const frozenAt = performance.now();
        await expect(link.get('a')).rejects.toThrow();
        expect(link.usable).toBe(false);
        await eventually(() => expect(performance.now() - frozenAt).toBeGreaterThan(patienceMs));
        server.thaw();
        await eventually(() => expect(link.usable).toBe(true));
        expect(told.splice(0)).toEqual([expect.stringContaining('no answer within 250 ms'), 'back']);
      }
    });

    test('a process that was busy for longer than an answer may take still takes the answers that have come', async () => {
      await using server = await RedisServer.start({ program });
      const { link, told } = connect({ url: server.url });
      await eventually(() => expect(link.usable).toBe(true));
      await new Promise(setImmediate); // timers come next, and sockets after them
      const asked = link.get('a');
      for (const startedAt = performance.now(); performance.now() - startedAt < 400; );
      expect(await asked).toBeNull();
      expect(told).toEqual([]);
    });

    test('ends in time while the server hangs', async () => {
      await using server = await RedisServer.start({ program });
      const { link } = connect({ url: server.url });
      await eventually(() => expect(link.usable).toBe(true));
      server.freeze();
      const startedAt = performance.now();
      await link.close();
      expect(performance.now() - startedAt).toBeLessThan(2_000);
    });
  });
}
