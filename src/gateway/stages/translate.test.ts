import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../../test/fakes/gateway.ts';
import { chunkText } from '../../../test/fakes/mock-worker.ts';

const clientOf = (gateway: TestGateway) => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });

test('the stock client gets responses of a worker that knows only chats', async () => {
  await using gateway = await startTestGateway({ serving: { systemPrompt: 'Be brief.', maxOutputTokens: 50 } });
  const response = await clientOf(gateway).responses.create({ model: 'm', input: 'hi', max_output_tokens: 99 });
  expect([response.status, response.output_text, response.usage?.output_tokens]).toEqual(['completed', 'Hello from the mock worker.', 6]);
  const seen = gateway.workers[0]?.seen[0];
  expect([seen?.path, JSON.parse(seen?.body ?? '')]).toEqual([
    '/v1/chat/completions',
    {
      model: 'm',
      max_tokens: 50,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'hi' },
      ],
    },
  ]);
});

test('the stock client streams them', async () => {
  await using gateway = await startTestGateway();
  const stream = await clientOf(gateway).responses.create({ model: 'm', input: 'hi', stream: true });
  let text = '';
  let whole = '';
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta') text += event.delta;
    if (event.type === 'response.completed') whole = `${event.response.output_text ?? ''}${event.response.usage?.output_tokens}`;
  }
  expect(text).toBe(Array.from({ length: 8 }, (_, index) => chunkText(index)).join(''));
  expect(whole).toContain('8');
});

test('a stream that breaks is an error of the stock client', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 'die' }] });
  const read = async () => {
    const stream = await clientOf(gateway).responses.create({ model: 'm', input: 'hi', stream: true });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    return types;
  };
  expect((await read().catch((error: unknown) => ['error', String(error)])).at(-1)).toMatch(/error|failed in the middle/);
});

test('a worker that knows responses gets them as they are', async () => {
  await using gateway = await startTestGateway();
  gateway.setModel({ servesResponses: true });
  const body = '{ "model": "m", "input": "hi", "previous_response_id": "resp_1" }';
  expect((await gateway.post(body, { path: '/v1/responses' })).status).toBe(200);
  expect(gateway.workers[0]?.seen[0]).toMatchObject({ path: '/v1/responses', body });
});

test('what a chat cannot do is refused, and the worker’s errors come through', async () => {
  await using gateway = await startTestGateway({ workers: [{ fault: 400 }] });
  const ask = (more: object) => gateway.post({ model: 'm', input: 'hi', ...more }, { path: '/v1/responses' });
  const refused = await ask({ previous_response_id: 'resp_1' });
  expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'previous_response_id' } }]);
  const failed = await ask({});
  expect([failed.status, await failed.json()]).toMatchObject([400, { error: { message: 'mock error 400' } }]);
});

test('what is nested very deep is refused where it would be written anew, and passed on elsewhere', async () => {
  await using gateway = await startTestGateway({ serving: { cacheTtlMs: 1_000, temperature: 0, maxOutputTokens: 9 } });
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const ask = (path: string, more: string) => gateway.post(`{"model":"m","input":"x","messages":[],"stream":true,${more}}`, { path });
  expect((await ask('/v1/responses', `"metadata":${deep}`)).status).toBe(400);
  expect((await ask('/v1/chat/completions', `"x":${deep}`)).status).toBe(200);
  expect((await ask('/v1/chat/completions', `"stream_options":{"x":${deep}}`)).status).toBe(200);
});
