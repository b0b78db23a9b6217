import { expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../test/fakes/gateway.ts';
import { generateApiKey, hashApiKey } from '../core/api-keys.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';

const crowd = 200;
/** Different ones, so that no two slots come free in step. */
const serviceMs = [250, 290, 330, 370];
const slotsEach = 2;

/** The times from request to answer, in milliseconds, of callers that ask so often, each again as soon as it is answered. */
async function times(gateway: TestGateway, key: string, callers: number, requests: number): Promise<readonly number[]> {
  const call = async () => {
    const noted: number[] = [];
    for (let request = 0; request < requests; request += 1) {
      const asked = performance.now();
      const answer = await gateway.post({ model: 'm', messages: [{ role: 'user', content: 'hi' }] }, { key });
      await answer.text();
      expect(answer.status).toBe(200);
      noted.push(performance.now() - asked);
    }
    return noted;
  };
  return (await Promise.all(Array.from({ length: callers }, call))).flat();
}

function p95(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? Number.NaN;
}

test('over HTTP a tenant with two callers waits less than twice as long beside one with two hundred as alone', async () => {
  await using gateway = await startTestGateway({
    workers: serviceMs.map((delayMs) => ({ delayMs })),
    serving: { maxConcurrencyPerReplica: slotsEach, queueTimeoutMs: 60_000 },
    random: Math.random,
  });
  const small = generateApiKey();
  gateway.keys.set('small', [{ name: 'only', hash: hashApiKey(small) }]);
  const alone = p95(await times(gateway, small, 2, 10));

  const leaving = new AbortController();
  const others = Array.from({ length: crowd }, async () => {
    while (!leaving.signal.aborted) {
      const asked = gateway.post({ model: 'm', messages: [] }, { signal: leaving.signal });
      await asked.then((answer) => answer.text()).catch((error: Error) => expect(error.name).toBe('AbortError'));
    }
  });
  const waiting = () => gateway.fleet.find('m')?.line.length ?? 0;
  await eventually(() => expect(waiting()).toBeGreaterThan(crowd - 20));
  const beside = p95(await times(gateway, small, 2, 10));
  // The crowd was there all the time: one queue for all would have cost a request the service time of 25 before it.
  expect(waiting()).toBeGreaterThan(crowd - 20);
  leaving.abort();
  await Promise.all(others);
  expect(beside).toBeLessThan(2 * Math.max(alone, ...serviceMs));
});
