import { expect, test } from 'vitest';
import { describePython } from './python-suite.ts';

// LangChain’s client of OpenAI-compatible servers, as it is, against a gateway process.

await describePython({ title: 'LangChain', packages: 'openai', program: 'langchain_client' }, (at) => {
  test('chats, whole and streamed, with usage', async () => {
    const answer = { text: 'Hello from the engine.', usage: 9 };
    expect(await at.client.ask('chat', { ...at.own, text: 'Hello' })).toEqual(answer);
    expect(await at.client.ask('stream', { ...at.own, text: 'Hello' })).toEqual({ ...answer, finish: 'stop' });
  });

  test('calls a tool, streamed in pieces, and tells its result', async () => {
    expect(await at.client.ask('tools', at.own)).toEqual({
      name: 'get_weather',
      args: { city: 'Paris' },
      text: 'The tool says: sunny in Paris',
    });
  });

  test('asks for an object of a schema', async () => {
    expect(await at.client.ask('structured', at.own)).toEqual({ city: 'Paris', rivers: ['Seine'] });
  });

  test('embeds', async () => {
    const vectors = [
      [3, 0.5, -0.25],
      [5, 0.5, -0.25],
    ];
    expect(await at.client.ask('embeddings', { ...at.own, texts: ['one', 'three'] })).toEqual(vectors);
  });

  test.each(['scripted', 'scripted-vllm'])('responses of %s, whole and streamed', async (model) => {
    const text = 'Hello from the engine.';
    expect(await at.client.ask('responses', { ...at.own, model, text: 'Hello' })).toEqual({ text, streamed: text });
  });

  test.each([
    ['an unknown key', { key: 'mf-wrong' }, 'AuthenticationError', 'invalid_api_key'],
    ['an unknown model', { model: 'gpt-9' }, 'NotFoundError', 'model_not_found'],
    ['too long a prompt', { text: 'write too much' }, 'ContextOverflowError', 'context_length_exceeded'],
    ['a model that loads', { model: 'loading' }, 'InternalServerError', 'model_loading'],
    ['a worker that fails', { text: 'fail' }, 'InternalServerError', 'engine_failed'],
    ['a stream that breaks off', { text: 'break off' }, 'APIError', 'stream_interrupted'],
  ])('%s is the exception that users catch', async (_, wrong, kind, code) => {
    const error = await at.client.fails('stream', { ...at.own, text: 'Hello', ...wrong });
    expect(error).toMatchObject({ classes: expect.arrayContaining([kind]), code });
  });

  test('a limit is a RateLimitError, and a retry waits as long as it tells', async () => {
    const key = await at.world.keyWith({ tokensPerMinute: 6_000 });
    await at.client.ask('chat', { ...at.own, key, text: 'cost 6000 tokens' });
    expect(await at.client.fails('chat', { ...at.own, key, text: 'Hello' })).toMatchObject({
      classes: expect.arrayContaining(['RateLimitError']),
    });
    expect(await at.client.ask('chat', { ...at.own, key, text: 'Hello', retries: 1 })).toMatchObject({ text: 'Hello from the engine.' });
  });
});
