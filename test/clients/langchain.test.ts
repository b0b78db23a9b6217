import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PythonClient } from './python-client.ts';
import { pythonPackages } from './python-packages.ts';
import { ClientWorld } from './world.ts';

// LangChain’s client of OpenAI-compatible servers, as it is, against a gateway process.

const { folder = '', missing } = await pythonPackages('openai');

describe.skipIf(missing !== undefined)(`LangChain${missing ? ` (skipped: ${missing})` : ''}`, { timeout: 60_000 }, () => {
  let world: ClientWorld;
  let client: PythonClient;
  let own: { url: string; key: string; model: string };
  beforeAll(async () => {
    [client, world] = await Promise.all([PythonClient.start('langchain_client', folder), ClientWorld.start()]);
    own = { url: world.url, key: world.key, model: 'scripted' };
  }, 180_000);
  afterAll(async () => {
    await client?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  test('chats, whole and streamed, with usage', async () => {
    const answer = { text: 'Hello from the engine.', usage: 9 };
    expect(await client.ask('chat', { ...own, text: 'Hello' })).toEqual(answer);
    expect(await client.ask('stream', { ...own, text: 'Hello' })).toEqual({ ...answer, finish: 'stop' });
  });

  test('calls a tool, streamed in pieces, and tells its result', async () => {
    expect(await client.ask('tools', own)).toEqual({
      name: 'get_weather',
      args: { city: 'Paris' },
      text: 'The tool says: sunny in Paris',
    });
  });

  test('asks for an object of a schema', async () => {
    expect(await client.ask('structured', own)).toEqual({ city: 'Paris', rivers: ['Seine'] });
  });

  test('embeds', async () => {
    const vectors = [
      [3, 0.5, -0.25],
      [5, 0.5, -0.25],
    ];
    expect(await client.ask('embeddings', { ...own, texts: ['one', 'three'] })).toEqual(vectors);
  });

  test.each(['scripted', 'scripted-vllm'])('responses of %s, whole and streamed', async (model) => {
    const text = 'Hello from the engine.';
    expect(await client.ask('responses', { ...own, model, text: 'Hello' })).toEqual({ text, streamed: text });
  });

  test.each([
    ['an unknown key', { key: 'mf-wrong' }, 'AuthenticationError', 'invalid_api_key'],
    ['an unknown model', { model: 'gpt-9' }, 'NotFoundError', 'model_not_found'],
    ['too long a prompt', { text: 'write too much' }, 'ContextOverflowError', 'context_length_exceeded'],
    ['a model that loads', { model: 'loading' }, 'InternalServerError', 'model_loading'],
    ['a worker that fails', { text: 'fail' }, 'InternalServerError', 'engine_failed'],
    ['a stream that breaks off', { text: 'break off' }, 'APIError', 'stream_interrupted'],
  ])('%s is the exception that users catch', async (_, wrong, kind, code) => {
    const error = await client.fails('stream', { ...own, text: 'Hello', ...wrong });
    expect(error).toMatchObject({ classes: expect.arrayContaining([kind]), code });
  });

  test('a limit is a RateLimitError, and a retry waits as long as it tells', async () => {
    const key = await world.keyWith({ tokensPerMinute: 6_000 });
    await client.ask('chat', { ...own, key, text: 'cost 6000 tokens' });
    expect(await client.fails('chat', { ...own, key, text: 'Hello' })).toMatchObject({
      classes: expect.arrayContaining(['RateLimitError']),
    });
    expect(await client.ask('chat', { ...own, key, text: 'Hello', retries: 1 })).toMatchObject({ text: 'Hello from the engine.' });
  });
});
