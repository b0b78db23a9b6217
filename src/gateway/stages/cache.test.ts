import { expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import { streamedAnswer, wholeAnswer } from '../../../test/fakes/mock-worker.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';

const ask = (more: object = {}) => ({ model: 'm', temperature: 0, messages: [{ role: 'user', content: 'hi' }], ...more });
const serving = { cacheTtlMs: 60_000 };

async function read(gateway: TestGateway, body: object, init?: { key?: string }) {
  const answer = await gateway.post(body, init);
  return { status: answer.status, cache: answer.headers.get('x-modelfleet-cache'), text: await answer.text() };
}

test('the same request gets the same answer without a replica, whole or streamed', async () => {
  await using gateway = await startTestGateway({ serving });
  expect(await read(gateway, ask())).toEqual({ status: 200, cache: 'miss', text: wholeAnswer('m') });
  expect(await read(gateway, ask())).toEqual({ status: 200, cache: 'hit', text: wholeAnswer('m') });
  expect(await read(gateway, ask({ stream: true }))).toEqual({ status: 200, cache: 'miss', text: streamedAnswer('m', 8) });
  const again = await gateway.post(ask({ stream: true }));
  expect([again.headers.get('content-type'), again.headers.get('age')]).toEqual(['text/event-stream', '0']);
  expect(await again.text()).toBe(streamedAnswer('m', 8));
  expect(gateway.workers[0]?.seen).toHaveLength(2);
  await eventually(async () => expect(await gateway.metrics()).toContain('cache_requests_total{model="ns/m",result="hit"} 2'));
});

test('no tenant gets what another was answered', async () => {
  await using gateway = await startTestGateway({ serving });
  gateway.keys.set('beta', [{ name: 'k', hash: hashApiKey('mf-beta') }]);
  expect((await read(gateway, ask())).cache).toBe('miss');
  expect((await read(gateway, ask(), { key: 'mf-beta' })).cache).toBe('miss');
});

test('nothing is kept of a model without a cache, of a warm request, of an error or of a broken answer', async () => {
  await using gateway = await startTestGateway();
  expect([(await read(gateway, ask())).cache, (await read(gateway, ask())).cache]).toEqual([null, null]);
  gateway.setModel({ serving });
  expect((await read(gateway, ask({ temperature: 1 }))).cache).toBeNull();
  for (const fault of [400, 'die'] as const) {
    gateway.workers[0]?.behave({ fault });
    await read(gateway, ask({ stream: true }));
    expect((await read(gateway, ask({ stream: true }))).cache).toBe('miss');
  }
});

test('a request that hits costs no tokens', async () => {
  const records: { cache?: string; promptTokens: number }[] = [];
  const usageLog = { lost: 0, add: (record: { cache?: string; promptTokens: number }) => void records.push(record) };
  await using gateway = await startTestGateway({ serving, usageLog });
  await read(gateway, ask());
  await read(gateway, ask());
  await eventually(() =>
    expect(records.map(({ cache, promptTokens }) => [cache, promptTokens])).toEqual([
      ['miss', 5],
      ['hit', 0],
    ]),
  );
});
