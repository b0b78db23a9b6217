import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { noRedis, RedisServer } from '../../src/gateway/testing/redis-server.fake.ts';

/** Flags of a gateway that counts limits in a Redis of its own, over TLS; none where there is no Redis. `opened` ends the server. */
export async function limitStoreFlags(folder: string, opened: AsyncDisposableStack): Promise<readonly string[]> {
  if (noRedis !== undefined) return [];
  const names = { name: 'subjectAltName' as const, altNames: [{ type: 7 as const, ip: '127.0.0.1' }] };
  const pair = await generate([{ name: 'commonName', value: 'limits' }], { keyType: 'ec', algorithm: 'sha256', extensions: [names] });
  const [certFile, keyFile] = [join(folder, 'redis.crt'), join(folder, 'redis.key')];
  await writeFile(certFile, pair.cert);
  await writeFile(keyFile, pair.private);
  const server = opened.use(await RedisServer.start({ secure: { certFile, keyFile, user: 'gateway', password: 'sesame' } }));
  return ['--redis-url', server.url, '--redis-ca-file', certFile];
}
