import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import type { TenantKey, TenantSpec } from '../../api/tenant.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { accountOf } from '../identity/account.ts';

function allow(gateway: TestGateway, limits: TenantSpec['limits'] & object, key: Pick<TenantKey, 'limits'> = {}): void {
  gateway.keys.set('acme', [{ name: 'first', hash: hashApiKey(gateway.key), ...key }], accountOf('acme', { limits }));
}

const chat = (more: object = {}) => ({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more });
const remainingTokens = (answer: Response) => Number(answer.headers.get('x-ratelimit-remaining-tokens'));

async function codeOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { error: { code: string } }).error.code;
}

test('of 200 requests at once exactly as many pass as the limit allows, and the others are told when to come back', async () => {
  await using gateway = await startTestGateway();
  allow(gateway, { requestsPerMinute: 50 });
  const answers = await Promise.all(Array.from({ length: 200 }, () => gateway.post(chat())));

  expect(answers.filter(({ status }) => status === 200)).toHaveLength(50);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(150);
  const [one] = refused;
  expect(Number(one?.headers.get('retry-after'))).toBeGreaterThanOrEqual(45); // a busy machine takes seconds for as many requests
  expect(Number(one?.headers.get('retry-after-ms'))).toBeGreaterThan(44_000);
  expect(one?.headers.get('x-ratelimit-remaining-requests')).toBe('0');
  expect(one && (await codeOf(one))).toBe('rate_limit_exceeded');
  expect(gateway.workers[0]?.seen).toHaveLength(50);
  const metrics = await gateway.metrics();
  expect(metrics).toContain('modelfleet_gateway_limit_refusals_total{limit="requestsPerMinute",scope="tenant"} 150');
  expect(metrics).not.toMatch(/^modelfleet_gateway_limits_shared/m);
});

test('a request without limits gets no headers of limits', async () => {
  await using gateway = await startTestGateway();
  expect([...(await gateway.post(chat())).headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([]);
});

test('tokens are reserved by the estimate and paid as the worker counted them', async () => {
  await using gateway = await startTestGateway();
  allow(gateway, { tokensPerMinute: 100_000 });
  const answer = await gateway.post(chat({ max_tokens: 50_000 }));
  expect(remainingTokens(answer)).toBeLessThan(50_001);
  const { usage } = (await answer.json()) as { usage?: { total_tokens: number } };
  expect(usage?.total_tokens).toBeGreaterThan(0);
  await eventually(async () => expect(remainingTokens(await gateway.post(chat({ max_tokens: 1 })))).toBeGreaterThan(99_000));
});

test('how long answers usually are is learned, and reserved for who asks for no length', async () => {
  await using gateway = await startTestGateway();
  allow(gateway, { tokensPerMinute: 100_000 });
  const used = async (more: object = {}) => 100_000 - remainingTokens(await gateway.post(chat(more)));
  const paid = 11; // as the mock worker counts
  const first = await used();
  expect(first).toBeGreaterThan(256);
  for (let request = 1; request < 20; request += 1) await used();
  // What refills the limit meanwhile makes it less.
  expect(await used()).toBeLessThan(20 * paid + first - 256 + 10);
  expect(await used({ max_tokens: 5_000 })).toBeGreaterThan(5_000);
});

test('a caller who leaves a stream pays what came of it, and gets the rest back', async () => {
  await using gateway = await startTestGateway({ workers: [{ chunks: 10_000, paceMs: 1 }] });
  allow(gateway, { tokensPerDay: 100_000, concurrency: 1 });
  const leave = new AbortController();
  const stream = await gateway.post(chat({ stream: true, max_tokens: 90_000 }), { signal: leave.signal });
  const reader = stream.body?.getReader();
  await reader?.read();
  expect(await codeOf(await gateway.post(chat({ max_tokens: 20_000 })))).toBe('insufficient_quota');
  leave.abort();
  await eventually(async () => expect((await gateway.post(chat({ max_tokens: 20_000, n: 1 }))).status).toBe(200));
});

test('a used-up quota is refused in OpenAI’s words, and its client knows the error', async () => {
  await using gateway = await startTestGateway();
  allow(gateway, { tokensPerMonth: 1 });
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
  const ask = () => client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
  await ask();
  await eventually(() => expect(ask()).rejects.toMatchObject({ status: 429, code: 'insufficient_quota', type: 'insufficient_quota' }));
  await expect(ask()).rejects.toThrow(OpenAI.RateLimitError);
});

test('a limit for one model holds by all its names and for no other', async () => {
  await using gateway = await startTestGateway();
  gateway.fleet.setModel({
    key: 'ns/other',
    names: ['other'],
    createdAt: 1,
    availability: 'suspended',
    limits: gateway.fleet.find('m')?.spec.limits ?? expect.unreachable(),
  });
  allow(gateway, { perModel: [{ model: 'm', requestsPerMinute: 1 }] });
  expect((await gateway.post(chat())).status).toBe(200);
  expect((await gateway.post(chat({ model: 'ns/m' }))).status).toBe(429);
  expect((await gateway.post(chat({ model: 'other' }))).status).toBe(503);
});

test('a key has limits of its own within those of its tenant', async () => {
  await using gateway = await startTestGateway();
  allow(gateway, { requestsPerMinute: 10 }, { limits: { requestsPerMinute: 1 } });
  const first = await gateway.post(chat());
  expect([first.status, first.headers.get('x-ratelimit-limit-requests')]).toEqual([200, '1']);
  const second = await gateway.post(chat());
  expect([second.status, await second.text()]).toEqual([429, expect.stringContaining('1 requests per minute of your key')]);
});

test('what no replica has seen costs no tokens', async () => {
  await using gateway = await startTestGateway({ serving: { maxQueue: 0 } });
  allow(gateway, { tokensPerDay: 5_000 });
  gateway.setReady(0, false);
  for (let refused = 0; refused < 20; refused += 1) expect((await gateway.post(chat({ max_tokens: 4_000 }))).status).not.toBe(200);
  gateway.setReady(0, true);
  expect((await gateway.post(chat({ max_tokens: 4_000 }))).status).toBe(200);
});
