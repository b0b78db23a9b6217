import { expect, test } from 'vitest';
import { startTestGateway } from '../../../test/fakes/gateway.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { accountOf } from '../identity/account.ts';
import { type UsageRecord, usageRecord } from './record.ts';

const chat = (more: object = {}) => ({ model: 'm', messages: [{ role: 'user', content: 'a secret prompt' }], ...more });

function collecting() {
  const records: UsageRecord[] = [];
  const usageLog = { lost: 0, add: (record: UsageRecord) => void records.push(usageRecord.parse(record)) };
  return { records, usageLog };
}

test('an answer leaves who asked, what it cost and how long it took', async () => {
  const { records, usageLog } = collecting();
  await using gateway = await startTestGateway({ usageLog });
  const answer = await gateway.post(chat({ stream: true }));
  await answer.text();
  await (await gateway.post(chat())).text();
  await eventually(() => expect(records).toHaveLength(2));
  expect(records[0]).toMatchObject({
    kind: 'usage',
    requestId: answer.headers.get('x-request-id'),
    tenant: 'acme',
    key: 'first',
    model: 'ns/m',
    replica: 'm-0',
    stream: true,
    status: 200,
    promptTokens: 5,
    completionTokens: 8,
    countedBy: 'worker',
  });
  expect(records[0]?.firstByteMs).toBeGreaterThanOrEqual(records[0]?.queueMs ?? Number.NaN);
  expect(records[1]).toMatchObject({ stream: false, promptTokens: 5, completionTokens: 6 });
  expect(JSON.stringify(records)).not.toMatch(/secret|Bearer|mf-/);
});

test('a denial says who and from where, and has cost nothing', async () => {
  const { records, usageLog } = collecting();
  await using gateway = await startTestGateway({ usageLog });
  await gateway.post(chat(), { key: 'mf-wrong' });
  await eventually(() => expect(records).toHaveLength(1));
  expect(records[0]).toMatchObject({ kind: 'denial', status: 401, error: 'invalid_api_key', from: '127.0.0.1', promptTokens: 0 });
});

test('a stream whose caller leaves has cost what came of it', async () => {
  const { records, usageLog } = collecting();
  await using gateway = await startTestGateway({ usageLog, workers: [{ chunks: 1_000, paceMs: 5 }] });
  const abort = new AbortController();
  const answer = await gateway.post(chat({ stream: true }), { signal: abort.signal });
  let chunks = 0;
  for await (const _ of answer.body ?? []) if (++chunks === 10) break;
  abort.abort();
  await eventually(() => expect(records).toHaveLength(1));
  expect(records[0]).toMatchObject({ status: 499, countedBy: 'gateway' });
  expect(records[0]?.completionTokens).toBeGreaterThan(5);
  expect(records[0]?.completionTokens).toBeLessThan(500);
});

test('an answer that broke off says why', async () => {
  const { records, usageLog } = collecting();
  await using gateway = await startTestGateway({ usageLog, workers: [{ fault: 'die' }] });
  await (await gateway.post(chat({ stream: true }))).text();
  await eventually(() => expect(records[0]).toMatchObject({ status: 502, error: 'stream_interrupted', completionTokens: 3 }));
});

test('a tenant who asks for a model that it may not use is denied it', async () => {
  const { records, usageLog } = collecting();
  await using gateway = await startTestGateway({ usageLog });
  gateway.keys.set('beta', [{ name: 'k', hash: hashApiKey('mf-beta') }], accountOf('beta', { models: { names: ['other'] } }));
  expect((await gateway.post(chat(), { key: 'mf-beta' })).status).toBe(404);
  expect((await gateway.post({ ...chat(), model: 'none' })).status).toBe(404);
  await eventually(() =>
    expect(records.map(({ kind, tenant }) => [kind, tenant])).toEqual([
      ['denial', 'beta'],
      ['usage', 'acme'],
    ]),
  );
});
