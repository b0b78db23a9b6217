import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { PythonClient } from './python-client.ts';
import { pythonPackages } from './python-packages.ts';
import { ClientWorld, loadingSeconds } from './world.ts';

// The client that OpenAI gives to users of Python, as it is, against a gateway process.

const { folder = '', missing } = await pythonPackages('openai');

describe.skipIf(missing !== undefined)(`OpenAI’s client for Python${missing ? ` (skipped: ${missing})` : ''}`, { timeout: 60_000 }, () => {
  let world: ClientWorld;
  let client: PythonClient;
  let own: { url: string; key: string };
  beforeAll(async () => {
    [client, world] = await Promise.all([PythonClient.start('openai_client', folder), ClientWorld.start()]);
    own = { url: world.url, key: world.key };
  }, 180_000);
  afterAll(async () => {
    await client?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  const said = (text: string, model = 'scripted') => ({ ...own, model, text });

  test('chats, and tells the id of the request', async () => {
    const answer = await client.ask('chat', { ...said('Hello'), extra_headers: { 'x-request-id': 'mine-1' } });
    expect(answer).toEqual({ text: 'Hello from the engine.', usage: 9, requestId: 'mine-1' });
    expect(world.engine.last.headers['x-request-id']).toBe('mine-1');
  });

  test('streams, with usage only for who asks', async () => {
    const heard = { text: 'Hello from the engine.', usage: null, finish: 'stop' };
    expect(await client.ask('stream', said('Hello'))).toEqual(heard);
    expect(await client.ask('stream', { ...said('Hello'), stream_options: { include_usage: true } })).toEqual({ ...heard, usage: 4 });
  });

  test('calls a tool, streamed in pieces, and tells its result', async () => {
    expect(await client.ask('tools', { ...own, model: 'scripted' })).toEqual({
      name: 'get_weather',
      arguments: '{"city": "Paris"}',
      text: 'The tool says: sunny',
    });
  });

  test('asks for an object of a schema', async () => {
    expect(await client.ask('structured', { ...own, model: 'scripted' })).toEqual({ city: 'Paris', rivers: ['Seine'] });
    expect(world.engine.last.body.response_format).toMatchObject({ type: 'json_schema', json_schema: { name: 'City', strict: true } });
  });

  test('embeds, and lists models', async () => {
    const vectors = [
      [3, 0.5, -0.25],
      [5, 0.5, -0.25],
    ];
    expect(await client.ask('embeddings', { ...own, model: 'scripted', texts: ['one', 'three'] })).toEqual(vectors);
    expect(await client.ask('models', own)).toEqual(expect.arrayContaining(['loading', 'scripted', 'scripted-vllm']));
  });

  test.each([
    ['asked as a chat', 'scripted', '/v1/chat/completions'],
    ['of an engine that knows them', 'scripted-vllm', '/v1/responses'],
  ])('responses %s', async (_, model, path) => {
    const text = 'Hello from the engine.';
    expect(await client.ask('response', said('Hello', model))).toEqual({ text, status: 'completed', usage: 9 });
    expect(world.engine.last.path).toBe(path);
    const types = expect.arrayContaining(['response.created', 'response.output_text.delta', 'response.completed']);
    expect(await client.ask('response_stream', said('Hello', model))).toEqual({ text, types });
  });

  test.each([
    ['an unknown key', { key: 'mf-wrong' }, 'AuthenticationError', 401, 'invalid_api_key'],
    ['an unknown model', { model: 'gpt-9' }, 'NotFoundError', 404, 'model_not_found'],
    ['what the worker refuses', { text: 'write too much' }, 'BadRequestError', 400, 'context_length_exceeded'],
    ['a malformed field', { max_tokens: -1 }, 'BadRequestError', 400, null],
    ['a model that loads', { model: 'loading' }, 'InternalServerError', 503, 'model_loading'],
    ['a worker that fails', { text: 'fail' }, 'InternalServerError', 500, 'engine_failed'],
  ])('%s is the exception that users catch, whole and streamed', async (_, wrong, kind, status, code) => {
    for (const step of ['chat', 'stream']) {
      const error = await client.fails(step, { ...said('Hello'), ...wrong });
      expect(error.classes).toEqual(expect.arrayContaining([kind, 'APIStatusError', 'OpenAIError']));
      expect(error).toMatchObject({ status, code, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
      if (code === 'model_loading') expect(error.retryAfter).toBe(String(loadingSeconds));
    }
  });

  test('a limit that is reached is a RateLimitError', async () => {
    const limited = { ...said('Hello'), key: await world.keyWith({ requestsPerMinute: 1 }) };
    await client.ask('chat', limited);
    const error = await client.fails('chat', limited);
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', classes: expect.arrayContaining(['RateLimitError']) });
    expect(Number(error.retryAfter)).toBeGreaterThan(40);
  });

  test('a quota that is used up is tried once, however many retries there may be', async () => {
    const spent = { ...said('Hello'), key: await world.keyWith({ tokensPerDay: 1 }), retries: 2 };
    await client.ask('chat', spent);
    expect(await client.fails('chat', spent)).toMatchObject({ status: 429, code: 'insufficient_quota', retries: '0' });
  });

  test('the client waits as long as a limit tells it, and its one retry passes', async () => {
    const key = await world.keyWith({ tokensPerMinute: 6_000 });
    await client.ask('chat', { ...said('cost 6000 tokens'), key });
    const next = { ...said('Hello'), key, max_tokens: 300 };
    // Seconds; by itself the client waits for less than one, so what passes shows that it has listened.
    expect(await client.fails('chat', next)).toMatchObject({ status: 429, retryAfter: expect.stringMatching(/^[1-4]$/) });
    expect(await client.ask('chat', { ...next, retries: 1 })).toMatchObject({ text: 'Hello from the engine.' });
  });

  test('a caller who wants to be told of the load reads on, comments and all', async () => {
    await world.addLoading('later', '50ms');
    const headers = { 'x-modelfleet-hold': 'heartbeat' };
    const heard = client.ask('stream', { ...said('Hello', 'later'), extra_headers: headers });
    // The first comment takes a second: when another caller has got his, this one has too, or is about to.
    const other = await fetch(`${world.url}/chat/completions`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${world.key}` },
      body: JSON.stringify({ model: 'later', stream: true, messages: [] }),
    });
    await world.addReplica('later', world.engine.port);
    expect(await heard).toMatchObject({ text: 'Hello from the engine.', finish: 'stop' });
    await other.text();
  });

  test('a stream that breaks off is an error, not an end', async () => {
    const error = await client.fails('stream', said('break off'));
    expect(error).toMatchObject({ code: 'stream_interrupted', classes: expect.arrayContaining(['APIError']) });
    const types = await client.ask('response_events', said('break off'));
    expect(types).toContain('response.output_text.delta');
    expect((types as string[]).at(-1)).toBe('error');
  });

  test.each(['leave', 'cancel'])('a caller who leaves a stream ends the work of the engine: %s', async (step) => {
    await client.ask(step, { ...own, model: 'scripted' });
    const { last } = world.engine;
    await eventually(() => last.aborted);
  });

  test('ten streams at once over one client', async () => {
    const texts = await client.ask('many', { ...own, model: 'scripted', count: 10 });
    expect(texts).toEqual(Array(10).fill('Hello from the engine.'));
  });
});
