import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { startTestGateway } from '../../../test/fakes/gateway.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { RedisServer, storePrograms } from '../testing/redis-server.fake.ts';
import { UsageLog } from './log.ts';
import { usageRecord } from './record.ts';
import { RedisStream } from './redis-stream.ts';

const stream = 'modelfleet:usage';

for (const { program, missing, title } of storePrograms) {
  describe.skipIf(missing !== undefined)(`usage records in a stream of ${title}`, () => {
    const clients: Redis[] = [];

    afterEach(() => {
      for (const client of clients.splice(0)) client.disconnect();
    });

    function open(server: RedisServer, maxRecords = 1_000_000) {
      const common = { clock: systemClock, logger: silentLogger };
      const output = new RedisStream({ ...common, url: server.url, stream, maxRecords, random: () => 0 });
      const client = new Redis(server.url);
      client.on('error', () => {}); // the test kills the server
      clients.push(client);
      const records = async () =>
        (await client.xrange(stream, '-', '+')).map(([, [, record = '']]) => usageRecord.parse(JSON.parse(record)));
      return { output, log: new UsageLog({ ...common, output }), client, records };
    }

    test('has a record of each request, the last ones at the end too', async () => {
      await using server = await RedisServer.start({ program });
      const { log, records } = open(server);
      {
        await using gateway = await startTestGateway({ usageLog: log });
        for (let index = 0; index < 5; index += 1) await (await gateway.post({ model: 'm' })).text();
        await eventually(async () => expect(await records()).toHaveLength(5));
        await (await gateway.post({ model: 'm' })).text();
        await (await gateway.post({ model: 'none' })).text();
      }
      await log.close();
      expect((await records()).map(({ tenant, status }) => [tenant, status]).slice(-2)).toEqual([
        ['acme', 200],
        ['acme', 404],
      ]);
      expect([(await records()).length, log.lost]).toEqual([7, 0]);
    });

    test('keeps about so many records as it may have', async () => {
      await using server = await RedisServer.start({ program });
      const { output, client } = open(server, 1_000);
      for (let batch = 0; batch < 50; batch += 1) await output.write('{}\n'.repeat(200));
      expect(await client.xlen(stream)).toBeGreaterThanOrEqual(1_000);
      expect(await client.xlen(stream)).toBeLessThan(1_500);
      await output.close();
    });

    test('writes nothing twice and loses nothing through a server that hangs', async () => {
      await using server = await RedisServer.start({ program });
      const { output, client } = open(server);
      await output.write('"a"\n');
      server.freeze();
      await expect(output.write('"b"\n"c"\n')).rejects.toThrow('no answer');
      await expect(output.write('"b"\n"c"\n')).rejects.toThrow();
      server.thaw();
      await eventually(() => output.write('"b"\n"c"\n'));
      await output.write('"d"\n');
      expect((await client.xrange(stream, '-', '+')).map(([, [, record]]) => record)).toEqual(['"a"', '"b"', '"c"', '"d"']);
      await output.close();
    });

    test('records wait for a server that is gone, and at the end no longer than a few seconds', async () => {
      await using server = await RedisServer.start({ program });
      const { output, log, records } = open(server);
      await using gateway = await startTestGateway({ usageLog: log, usageStream: output });
      const told = (value: number) =>
        eventually(async () => expect(await gateway.metrics()).toContain(`modelfleet_gateway_usage_stream_connected ${value}\n`));
      await told(1);
      await server.kill();
      await told(0);
      for (let index = 0; index < 3; index += 1) await (await gateway.post({ model: 'm' })).text();
      await server.run();
      await eventually(async () => expect(await records()).toHaveLength(3));
      expect(log.lost).toBe(0);
      await told(1);
      await server.kill();
      await (await gateway.post({ model: 'm' })).text();
      await log.close();
      expect(log.lost).toBe(1);
    }, 30_000);
  });
}
