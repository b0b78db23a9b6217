import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PythonClient } from './python-client.ts';
import { pythonPackages } from './python-packages.ts';
import { ClientWorld } from './world.ts';

// LiteLLM’s SDK, as it is, against a gateway process.

const { folder = '', missing } = await pythonPackages('litellm');

describe.skipIf(missing !== undefined)(`LiteLLM${missing ? ` (skipped: ${missing})` : ''}`, { timeout: 60_000 }, () => {
  let world: ClientWorld;
  let client: PythonClient;
  let own: { url: string; key: string; model: string };
  beforeAll(async () => {
    [client, world] = await Promise.all([PythonClient.start('litellm_client', folder), ClientWorld.start()]);
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
      arguments: '{"city": "Paris"}',
      text: 'The tool says: sunny',
    });
  });

  test('embeds', async () => {
    const vectors = [
      [3, 0.5, -0.25],
      [5, 0.5, -0.25],
    ];
    expect(await client.ask('embeddings', { ...own, texts: ['one', 'three'] })).toEqual(vectors);
  });

  test.each(['scripted', 'scripted-vllm'])('responses of %s, whole and streamed', async (model) => {
    const types = expect.arrayContaining(['response.created', 'response.output_text.delta', 'response.completed']);
    expect(await client.ask('responses', { ...own, model, text: 'Hello' })).toEqual({ text: 'Hello from the engine.', types });
  });

  test.each([
    ['an unknown key', { key: 'mf-wrong' }, 'AuthenticationError'],
    ['an unknown model', { model: 'gpt-9' }, 'NotFoundError'],
    ['too long a prompt', { text: 'write too much' }, 'ContextWindowExceededError'],
    ['a malformed field', { max_tokens: -1 }, 'BadRequestError'],
    ['a model that loads', { model: 'loading' }, 'ServiceUnavailableError'],
    ['a worker that fails', { text: 'fail' }, 'InternalServerError'],
  ])('%s is the exception that users catch', async (_, wrong, kind) => {
    const error = await client.fails('chat', { ...own, text: 'Hello', ...wrong });
    expect(error.classes[0]).toBe(kind);
  });

  test('a stream that breaks off is an error, not an end', async () => {
    const { classes, message } = await client.fails('stream', { ...own, text: 'break off' });
    expect(classes).toEqual(expect.arrayContaining(['APIError']));
    expect(message).toContain('failed in the middle of the answer');
  });

  test('a quota that is used up is a RateLimitError', async () => {
    const spent = { ...own, key: await world.keyWith({ tokensPerDay: 1 }), text: 'Hello' };
    await client.ask('chat', spent);
    expect((await client.fails('chat', { ...spent, retries: 2 })).classes[0]).toBe('RateLimitError');
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
