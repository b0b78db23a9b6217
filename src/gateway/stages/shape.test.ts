import { expect, test } from 'vitest';
import { startTestGateway } from '../../../test/fakes/gateway.ts';
import { streamedAnswer, usageEvent } from '../../../test/fakes/mock-worker.ts';

const chat = (more: object = {}) => ({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more });
const done = 'data: [DONE]\n\n';

test('the worker gets defaults, cap and system prompt of its deployment', async () => {
  await using gateway = await startTestGateway({ serving: { temperature: 0.5, maxOutputTokens: 10, systemPrompt: 'Be brief.' } });
  expect((await gateway.post(chat({ max_tokens: 99, x: 1 }))).status).toBe(200);
  expect(JSON.parse(gateway.workers[0]?.seen[0]?.body ?? '')).toEqual({
    model: 'm',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hi' },
    ],
    temperature: 0.5,
    max_tokens: 10,
    x: 1,
  });
});

test('a stream is asked for its usage; only who asked for it too gets it', async () => {
  await using gateway = await startTestGateway();
  expect(await (await gateway.post(chat({ stream: true }))).text()).toBe(streamedAnswer('m', 8));
  const asked = await (await gateway.post(chat({ stream: true, stream_options: { include_usage: true } }))).text();
  expect(asked).toBe(streamedAnswer('m', 8).replace(done, usageEvent('m', 8) + done));
  const seen = gateway.workers[0]?.seen.map(({ body }) => JSON.parse(body).stream_options);
  expect(seen).toEqual([{ include_usage: true }, { include_usage: true }]);
});

test('embeddings go to the worker as they are', async () => {
  await using gateway = await startTestGateway({ serving: { temperature: 0.5, maxOutputTokens: 10 } });
  const body = '{ "model": "m", "input": ["a", "b"] }';
  expect((await gateway.post(body, { path: '/v1/embeddings' })).status).toBe(200);
  expect(gateway.workers[0]?.seen[0]).toMatchObject({ path: '/v1/embeddings', body });
});
