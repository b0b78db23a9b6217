import { expect, test } from 'vitest';
import { describePython } from './python-suite.ts';

// LiteLLM’s SDK, as it is, against a gateway process.

await describePython({ title: 'LiteLLM', packages: 'litellm', program: 'litellm_client' }, (at) => {
  test('chats, whole and streamed, with usage', async () => {
    const answer = { text: 'Hello from the engine.', usage: 9 };
    expect(await at.client.ask('chat', { ...at.own, text: 'Hello' })).toEqual(answer);
    expect(await at.client.ask('stream', { ...at.own, text: 'Hello' })).toEqual({ ...answer, finish: 'stop' });
  });

  test('calls a tool, streamed in pieces, and tells its result', async () => {
    expect(await at.client.ask('tools', at.own)).toEqual({
      name: 'get_weather',
      arguments: '{"city": "Paris"}',
      text: 'The tool says: sunny',
    });
  });

  test('embeds', async () => {
    const vectors = [
      [3, 0.5, -0.25],
      [5, 0.5, -0.25],
    ];
    expect(await at.client.ask('embeddings', { ...at.own, texts: ['one', 'three'] })).toEqual(vectors);
  });

  test.each(['scripted', 'scripted-vllm'])('responses of %s, whole and streamed', async (model) => {
    const types = expect.arrayContaining(['response.created', 'response.output_text.delta', 'response.completed']);
    expect(await at.client.ask('responses', { ...at.own, model, text: 'Hello' })).toEqual({ text: 'Hello from the engine.', types });
  });

  test.each([
    ['an unknown key', { key: 'mf-wrong' }, 'AuthenticationError'],
    ['an unknown model', { model: 'gpt-9' }, 'NotFoundError'],
    ['too long a prompt', { text: 'write too much' }, 'ContextWindowExceededError'],
    ['a malformed field', { max_tokens: -1 }, 'BadRequestError'],
    ['a model that loads', { model: 'loading' }, 'ServiceUnavailableError'],
    ['a worker that fails', { text: 'fail' }, 'InternalServerError'],
  ])('%s is the exception that users catch', async (_, wrong, kind) => {
    const error = await at.client.fails('chat', { ...at.own, text: 'Hello', ...wrong });
    expect(error.classes[0]).toBe(kind);
  });

  test('a stream that breaks off is an error, not an end', async () => {
    const { classes, message } = await at.client.fails('stream', { ...at.own, text: 'break off' });
    expect(classes).toEqual(expect.arrayContaining(['APIError']));
    expect(message).toContain('failed in the middle of the answer');
  });

  test('a quota that is used up is a RateLimitError', async () => {
    const spent = { ...at.own, key: await at.world.keyWith({ tokensPerDay: 1 }), text: 'Hello' };
    await at.client.ask('chat', spent);
    expect((await at.client.fails('chat', { ...spent, retries: 2 })).classes[0]).toBe('RateLimitError');
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
