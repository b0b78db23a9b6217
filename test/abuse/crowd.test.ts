import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { openResources } from './resources.ts';
import { startWorld } from './world.ts';

const count = 10_000;

/** What a connection that says nothing may cost, in bytes: measured are 15,000. */
const mostBytes = 40_000;

/** Files and connections that a process may have: the gateway's and the test's own come on top of the crowd's. */
const allowed = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).replace('unlimited', 'Infinity'));
const tooFew = allowed < count + 1_000;

test.skipIf(tooFew)(
  `${count} idle connections cost memory alone (needs ulimit -n ${count + 1_000}, here ${allowed})`,
  {
    timeout: 120_000,
  },
  async () => {
    await using world = await startWorld({ headersTimeoutMs: 120_000, receiveTimeoutMs: 120_000 });
    await world.steady.twoMore();
    const before = { sockets: openResources().TCPSocketWrap ?? 0, rss: process.memoryUsage().rss };

    const { port } = new URL(world.gateway.url);
    const crowd = fork(fileURLToPath(new URL('programs/crowd.ts', import.meta.url)), [port, String(count)]);
    onTestFinished(() => void crowd.kill());
    await once(crowd, 'message');
    await eventually(() => expect(openResources().TCPSocketWrap).toBeGreaterThanOrEqual(before.sockets + count));
    await world.steady.twoMore();
    expect((process.memoryUsage().rss - before.rss) / count).toBeLessThan(mostBytes);

    crowd.kill();
    await eventually(() => expect(openResources().TCPSocketWrap).toBeLessThanOrEqual(before.sockets), 30_000);
    await world.calm();
  },
);
