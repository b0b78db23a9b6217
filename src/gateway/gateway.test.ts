import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { startTestGateway } from '../../test/fakes/gateway.ts';
import { chunkText, startMockWorker, streamedAnswer, wholeAnswer } from '../../test/fakes/mock-worker.ts';
import { hashApiKey } from '../core/api-keys.ts';
import { eventually } from '../kube/testing/eventually.fake.ts';

const chat = (more: object = {}) => ({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more });

async function errorOf(answer: Response): Promise<{ status: number; type: string; code: string | null; param: string | null }> {
  const { error } = (await answer.json()) as { error: { type: string; code: string | null; param: string | null } };
  return { status: answer.status, type: error.type, code: error.code, param: error.param };
}

test('passes a whole answer and the request’s bytes through unchanged', async () => {
  await using gateway = await startTestGateway();
  const body = '{ "model":"m",\n "messages": [{"role":"user","content":"\\u00e9 é"}] , "x": 1.0e3}';
  const answer = await gateway.post(body);

  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe(wholeAnswer('m'));
  expect(gateway.workers[0]?.seen[0]).toMatchObject({ path: '/v1/chat/completions', body });
});

test('passes a streamed answer through byte for byte', async () => {
  await using gateway = await startTestGateway({ workers: [{ chunks: 200 }] });
  const answer = await gateway.post(chat({ stream: true }));

  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  expect(await answer.text()).toBe(streamedAnswer('m', 200));
});

test.each(['/v1/completions', '/generate'])('forwards %s to the same path of the worker', async (path) => {
  await using gateway = await startTestGateway();
  expect((await gateway.post(chat(), { path })).status).toBe(200);
  expect(gateway.workers[0]?.seen[0]?.path).toBe(path);
});

test('the stock OpenAI client streams 8 chats at once', async () => {
  await using gateway = await startTestGateway({
    workers: [
      { chunks: 30, paceMs: 2 },
      { chunks: 30, paceMs: 2 },
    ],
  });
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });

  const texts = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const stream = await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: true });
      let text = '';
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      return text;
    }),
  );
  const whole = Array.from({ length: 30 }, (_, index) => chunkText(index)).join('');
  expect(texts).toEqual(Array.from({ length: 8 }, () => whole));
});

test('the stock OpenAI client raises the error classes it knows', async () => {
  await using gateway = await startTestGateway();
  const client = (apiKey: string) => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });
  const ask = (apiKey: string, model: string) => client(apiKey).chat.completions.create({ model, messages: [] });

  await expect(ask('mf-wrong', 'm')).rejects.toThrow(OpenAI.AuthenticationError);
  await expect(ask(gateway.key, 'no-such-model')).rejects.toThrow(OpenAI.NotFoundError);
  await expect(ask(gateway.key, '')).rejects.toThrow(OpenAI.BadRequestError);
  expect((await client(gateway.key).models.list()).data.map(({ id }) => id)).toEqual(['m']);
});

test('refuses callers without a key, with an unknown one and with an expired one', async () => {
  await using gateway = await startTestGateway();
  const anonymous = await fetch(`${gateway.url}/v1/models`);
  expect(await errorOf(anonymous)).toMatchObject({ status: 401, code: 'missing_api_key' });
  expect(anonymous.headers.get('www-authenticate')).toBe('Bearer');

  expect(await errorOf(await gateway.post(chat(), { key: 'mf-unknown' }))).toMatchObject({ status: 401, code: 'invalid_api_key' });

  gateway.keys.set('late', [{ name: 'old', hash: hashApiKey('mf-old'), expiresAt: '2020-01-01T00:00:00Z' }]);
  expect(await errorOf(await gateway.post(chat(), { key: 'mf-old' }))).toMatchObject({ status: 401, code: 'invalid_api_key' });
  expect(gateway.workers[0]?.seen).toEqual([]);
});

test('a key that is taken back is refused at once', async () => {
  await using gateway = await startTestGateway();
  expect((await gateway.post(chat())).status).toBe(200);
  gateway.keys.delete('acme');
  expect((await gateway.post(chat())).status).toBe(401);
});

test('before the cluster has been read it says so, instead of refusing good keys', async () => {
  let synced = false;
  await using gateway = await startTestGateway({ ready: () => synced });
  expect(await errorOf(await gateway.post(chat()))).toMatchObject({ status: 503, code: 'starting' });
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);

  synced = true;
  expect((await gateway.post(chat())).status).toBe(200);
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
});

test.each([
  ['malformed JSON', '{"model": ', 400, 'malformed_json', null],
  ['an empty body', '', 400, 'malformed_json', null],
  ['a missing model', '{"messages":[]}', 400, null, 'model'],
  ['an unknown model', '{"model":"nope"}', 404, 'model_not_found', 'model'],
])('answers %s in OpenAI’s shape', async (_, body, status, code, param) => {
  await using gateway = await startTestGateway();
  expect(await errorOf(await gateway.post(body))).toMatchObject({ status, code, param, type: 'invalid_request_error' });
});

test('answers wrong methods and paths in OpenAI’s shape', async () => {
  await using gateway = await startTestGateway();
  const get = await fetch(`${gateway.url}/v1/chat/completions`);
  expect(get.headers.get('allow')).toBe('POST');
  expect(await errorOf(get)).toMatchObject({ status: 405, code: 'method_not_allowed' });
  expect(await errorOf(await fetch(`${gateway.url}/v1/engines`))).toMatchObject({ status: 404, code: 'unknown_url' });
});

test('lists and describes models, by name and by namespace/name', async () => {
  await using gateway = await startTestGateway();
  const get = async (path: string) =>
    (await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${gateway.key}` } })).json();
  const object = { id: 'm', object: 'model', created: 1, owned_by: 'modelfleet', modelfleet: { state: 'ready', ready_replicas: 1 } };

  expect(await get('/v1/models')).toEqual({ object: 'list', data: [object] });
  expect(await get('/v1/models/m')).toEqual(object);
  expect(await get('/v1/models/ns%2Fm')).toEqual({ ...object, id: 'ns/m' });
  expect(await get('/v1/models/other')).toMatchObject({ error: { code: 'model_not_found' } });
  expect((await gateway.post(chat({ model: 'ns/m' }))).status).toBe(200);
});

test('sends no credential to workers, and one request id everywhere', async () => {
  await using gateway = await startTestGateway();
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${gateway.key}`,
      cookie: 'session=secret',
      'x-request-id': 'caller-7',
      'proxy-authorization': 'Basic secret',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    },
    body: JSON.stringify(chat()),
  });
  expect(answer.headers.get('x-request-id')).toBe('caller-7');
  const { headers } = gateway.workers[0]?.seen[0] ?? {};
  expect(headers).toMatchObject({ 'x-request-id': 'caller-7', traceparent: expect.stringContaining('0af7') });
  expect(JSON.stringify(headers)).not.toMatch(/authorization|cookie|secret|mf-/);

  const made = (await gateway.post(chat())).headers.get('x-request-id');
  expect(made).toMatch(/^[0-9a-f-]{36}$/);
  expect(gateway.workers[0]?.seen[1]?.headers['x-request-id']).toBe(made);
});

test('passes a worker’s own refusal on', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 400 }] });
  const answer = await gateway.post(chat({ stream: true }));
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('mock error 400')]);
});

test('counts requests by deployment and code, and never by what callers write', async () => {
  await using gateway = await startTestGateway();
  await (await gateway.post(chat())).text();
  await (await gateway.post(chat({ model: 'attack-1' }))).text();
  await eventually(async () => {
    const metrics = await gateway.metrics();
    expect(metrics).toContain('modelfleet_gateway_requests_total{model="ns/m",code="200"} 1');
    expect(metrics).toContain('modelfleet_gateway_requests_total{model="unknown",code="404"} 1');
    expect(metrics).toContain('modelfleet_gateway_requests_in_flight{model="ns/m"} 0');
    expect(metrics).not.toContain('attack');
  });
  gateway.fleet.deleteModel('ns/m');
  expect(await gateway.metrics()).not.toContain('ns/m');
});

test('closing lets running streams end, refuses new requests, then ends', async () => {
  await using gateway = await startTestGateway({ workers: [{ chunks: 20, paceMs: 50 }] });
  const stream = await gateway.post(chat({ stream: true }));
  const closed = gateway.close({ drainMs: 20_000 });

  // Who was connecting at that moment may still be answered.
  await eventually(() => expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow());
  expect(await stream.text()).toBe(streamedAnswer('m', 20));
  await closed;
});

test('a stream that outlasts the grace ends with an error event', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'stall' }] });
  const stream = await gateway.post(chat({ stream: true }));
  const text = stream.text();
  await gateway.close({ drainMs: 20 });

  expect((await text).split('\n\n').at(-2)).toContain('"code":"draining"');
  await eventually(() => expect(gateway.workers[0]?.seen[0]?.aborted).toBe(true));
});

test('a taken port is a clear error', async () => {
  await using gateway = await startTestGateway();
  const port = Number(new URL(gateway.url).port);
  await expect(startTestGateway({ port, workers: [] })).rejects.toThrow(`Port ${port} on 127.0.0.1 is taken`);
});

test('a replica that comes back under the same address serves again', async () => {
  await using gateway = await startTestGateway();
  const [first] = gateway.workers;
  const port = Number(new URL(first?.origin ?? '').port);
  expect((await gateway.post(chat())).status).toBe(200);
  await first?.close();
  expect((await gateway.post(chat())).status).toBe(502);

  const again = await startMockWorker({}, port);
  expect((await gateway.post(chat())).status).toBe(200);
  await again.close();
});

test('tells how many requests it holds to whoever has the token, and nothing without one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-stats-'));
  const statsTokenFile = join(folder, 'token');
  await writeFile(statsTokenFile, 'stats-token-0123456789\n');
  try {
    await using gateway = await startTestGateway({ statsTokenFile });
    gateway.setReady(0, false);
    const leave = new AbortController();
    const answer = gateway.post(chat(), { signal: leave.signal }).catch(() => undefined);
    await eventually(() => expect(gateway.fleet.find('m')?.line.length).toBe(1));

    const stats = new URL('/stats', gateway.metricsUrl);
    expect((await fetch(stats)).status).toBe(401);
    const stream = await fetch(stats, { headers: { authorization: 'Bearer stats-token-0123456789' } });
    let told = '';
    const reading = (async () => {
      for await (const chunk of stream.body ?? []) told += Buffer.from(chunk).toString();
    })().catch(() => {}); // it ends with the gateway
    await eventually(() =>
      expect(told).toContain('"full":true,"models":{"ns/m":{"held":1,"queued":0,"running":0,"arrivals":1,"tokensInFlight":'),
    );
    leave.abort();
    await answer;
    await eventually(() => expect(told).toContain('"full":false,"models":{"ns/m":{"held":0,"queued":0,"running":0,"arrivals":1}}'));
    await gateway.close();
    await reading;
  } finally {
    await rm(folder, { recursive: true });
  }
  await using silent = await startTestGateway();
  expect((await fetch(new URL('/stats', silent.metricsUrl))).status).toBe(404);
});
