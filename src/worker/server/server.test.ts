import { expect, test } from 'vitest';
import { loadingHeader } from '../../core/agent-contract.ts';
import { startReadyWorker, startTestWorker, type TestWorker } from '../worker.fixture.ts';

const hello = { messages: [{ role: 'user', content: 'Hi' }] };

function post({ url }: TestWorker, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(url + path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), ...(signal ? { signal } : {}) });
}

/** The events of a stream: documents, and `[DONE]` as it is. */
async function events(response: Response): Promise<unknown[]> {
  const lines = (await response.text()).split('\n\n').filter((line) => line !== '');
  return lines.map((line) => line.replace(/^data: /, '')).map((data) => (data === '[DONE]' ? data : JSON.parse(data)));
}

test('answers a chat in one document with exact usage, under the name that was asked for', async () => {
  await using worker = await startReadyWorker();
  const response = await post(worker, '/v1/chat/completions', { ...hello, model: 'models/tiny', max_tokens: 2 });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    object: 'chat.completion',
    model: 'models/tiny',
    choices: [{ index: 0, message: { role: 'assistant', content: 'w0 w1 ' }, finish_reason: 'length' }],
    usage: { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6, prompt_tokens_details: { cached_tokens: 1 } },
  });
});

test('streams a chat: role first, then text, reason, usage without choices, [DONE]', async () => {
  await using worker = await startReadyWorker();
  const response = await post(worker, '/v1/chat/completions', {
    ...hello,
    stream: true,
    stream_options: { include_usage: true },
    max_completion_tokens: 1,
  });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  expect(await events(response)).toMatchObject([
    {
      object: 'chat.completion.chunk',
      model: 'tiny',
      choices: [{ delta: { role: 'assistant', content: '' }, finish_reason: null }],
      usage: null,
    },
    { choices: [{ delta: { content: 'w0 ' }, finish_reason: null }] },
    { choices: [{ delta: {}, finish_reason: 'length' }] },
    { choices: [], usage: { total_tokens: 5 } },
    '[DONE]',
  ]);
});

test('streams and answers completions', async () => {
  await using worker = await startReadyWorker();
  const whole = await post(worker, '/v1/completions', { prompt: 'Once', max_tokens: 1 });
  expect(await whole.json()).toMatchObject({ object: 'text_completion', choices: [{ text: 'w0 ', finish_reason: 'length' }] });
  const streamed = await post(worker, '/v1/completions', { prompt: [1, 2], max_tokens: 1, stream: true });
  expect(await events(streamed)).toMatchObject([
    { choices: [{ text: 'w0 ' }] },
    { choices: [{ text: '', finish_reason: 'length' }] },
    '[DONE]',
  ]);
  expect(worker.engines[0]?.requests.slice(1).map((request) => request.prompt)).toEqual([
    { kind: 'text', text: 'Once' },
    { kind: 'tokens', tokens: [1, 2] },
  ]);
});

test('answers /generate, /v1/models and /health', async () => {
  await using worker = await startReadyWorker();
  expect(await (await post(worker, '/generate', { system: 'Brief.', prompt: 'Hi', max_tokens: 2 })).json()).toEqual({ text: 'w0 w1 ' });
  expect(await (await fetch(`${worker.url}/v1/models`)).json()).toMatchObject({ object: 'list', data: [{ id: 'tiny', object: 'model' }] });
  expect((await fetch(`${worker.url}/health`)).status).toBe(200);
});

test.each([
  ['{"messages": [', null, 'malformed_json'],
  [{}, 'messages', null],
  [{ messages: [] }, 'messages', null],
  [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role', null],
  [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }, 'messages[0].content', null],
  [{ ...hello, temperature: 3 }, 'temperature', null],
  [{ ...hello, max_tokens: 0 }, 'max_tokens', null],
  [{ ...hello, stop: ['a', ''] }, 'stop[1]', null],
  [{ ...hello, n: 2 }, 'n', null],
  [{ ...hello, tools: [{ type: 'function' }] }, 'tools', null],
  [{ ...hello, logprobs: true }, 'logprobs', null],
  [{ ...hello, response_format: { type: 'json_schema' } }, 'response_format', null],
  [{ ...hello, max_tokens: 101 }, 'messages', 'context_length_exceeded'],
])('refuses %j with a 400 that names %s', async (body, param, code) => {
  await using worker = await startReadyWorker();
  const response = await post(worker, '/v1/chat/completions', body);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    error: { type: 'invalid_request_error', param, code, message: expect.stringMatching(/.{10}/) },
  });
});

test('ignores fields that it does not know and harmless values of those it cannot do', async () => {
  await using worker = await startReadyWorker();
  const body = {
    ...hello,
    user: 'u',
    metadata: {},
    n: 1,
    tools: [],
    logprobs: false,
    response_format: { type: 'text' },
    temperature: null,
    stop: null,
  };
  expect((await post(worker, '/v1/chat/completions', body)).status).toBe(200);
});

test('unknown paths, wrong methods and giant bodies have their answers', async () => {
  await using worker = await startReadyWorker();
  expect((await fetch(`${worker.url}/v2/x`)).status).toBe(404);
  expect((await fetch(`${worker.url}/v1/completions`)).status).toBe(405);
  const giant = await post(worker, '/v1/completions', { prompt: 'x'.repeat(17 * 1024 * 1024) }).catch((error: unknown) => error);
  // A client that is still sending may see the connection closed before it reads the answer.
  if (giant instanceof Response) expect(giant.status).toBe(413);
});

test('while the model loads, requests get 503 model_loading with Retry-After', async () => {
  const loading = Promise.withResolvers<void>();
  await using worker = await startTestWorker({ hold: loading.promise });
  const response = await post(worker, '/v1/chat/completions', hello);
  expect([response.status, Number(response.headers.get('retry-after')) > 0, response.headers.get(loadingHeader)]).toEqual([
    503,
    true,
    'true',
  ]);
  expect(await response.json()).toMatchObject({ error: { code: 'model_loading' } });
  expect((await fetch(`${worker.management}/readyz`)).status).toBe(503);
  expect((await fetch(`${worker.management}/livez`)).status).toBe(200);
  loading.resolve();
});

test('a caller that goes away frees its place at once', async () => {
  await using worker = await startReadyWorker({ maxSequences: 1 });
  const [engine] = worker.engines;
  if (engine) engine.hold = Promise.withResolvers<void>().promise;
  const caller = new AbortController();
  const response = await post(worker, '/v1/chat/completions', { ...hello, stream: true }, caller.signal);
  const waiting = new AbortController();
  const second = post(worker, '/v1/chat/completions', hello, waiting.signal).catch(() => undefined);
  await expect.poll(worker.status, { timeout: 5_000 }).toMatchObject({ inFlight: 1, waiting: 1 });
  waiting.abort();
  await expect.poll(worker.status, { timeout: 5_000 }).toMatchObject({ inFlight: 1, waiting: 0 });
  caller.abort();
  await expect.poll(worker.status, { timeout: 5_000 }).toMatchObject({ inFlight: 0, waiting: 0 });
  expect(engine?.aborted).toBe(1);
  await Promise.all([second, response.text().catch(() => undefined)]);
});
