import OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { ClientWorld, loadingSeconds } from './world.ts';

// The client that OpenAI gives to users of JavaScript, as it is, against a gateway process.

let world: ClientWorld;
let openai: OpenAI;
beforeAll(async () => {
  world = await ClientWorld.start();
  openai = clientWith(world.key);
});
afterAll(() => world[Symbol.asyncDispose]());

const clientWith = (apiKey: string, maxRetries = 0) => new OpenAI({ baseURL: world.url, apiKey, maxRetries });
const said = (content: string, model = 'scripted') => ({ model, messages: [{ role: 'user' as const, content }] });

/** What a request that must fail fails with. */
async function failure(request: PromiseLike<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error = await Promise.resolve(request).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OpenAI.APIError)) throw new Error('it did not fail with an error of the API', { cause: error });
  return error;
}

async function read(stream: AsyncIterable<OpenAI.ChatCompletionChunk>, heard: string[] = []): Promise<string> {
  for await (const chunk of stream) heard.push(chunk.choices[0]?.delta.content ?? '');
  return heard.join('');
}

test('chats, and tells the id of the request', async () => {
  const answer = await openai.chat.completions.create(said('Hello'), { headers: { 'x-request-id': 'mine-1' } });
  expect(answer.choices[0]?.message.content).toBe('Hello from the engine.');
  expect(answer.usage?.total_tokens).toBe(9);
  expect(answer._request_id).toBe('mine-1');
  expect(world.engine.last.headers['x-request-id']).toBe('mine-1');
});

test('streams, with usage only for who asks', async () => {
  const plain = await openai.chat.completions.create({ ...said('Hello'), stream: true });
  let usages = 0;
  let text = '';
  for await (const chunk of plain) {
    if (chunk.usage) usages += 1;
    text += chunk.choices[0]?.delta.content ?? '';
  }
  expect([text, usages]).toEqual(['Hello from the engine.', 0]);

  const counted = openai.chat.completions.stream({ ...said('Hello'), stream_options: { include_usage: true } });
  expect(await counted.totalUsage()).toMatchObject({ prompt_tokens: 5, completion_tokens: 4 });
});

test('calls a tool, streamed in pieces, and tells its result', async () => {
  const tool = zodFunction({ name: 'get_weather', parameters: z.object({ city: z.string() }), function: ({ city }) => `sunny in ${city}` });
  const runner = openai.chat.completions.runTools({ ...said('How is the weather?'), stream: true, tools: [tool] });
  expect(await runner.finalContent()).toBe('The tool says: sunny in Paris');
});

test('asks for an object of a schema', async () => {
  const City = z.object({ city: z.string(), rivers: z.array(z.string()) });
  const answer = await openai.chat.completions.parse({ ...said('Which city?'), response_format: zodResponseFormat(City, 'city') });
  expect(answer.choices[0]?.message.parsed).toEqual({ city: 'Paris', rivers: ['Seine'] });
  expect(world.engine.last.body.response_format).toMatchObject({ type: 'json_schema', json_schema: { name: 'city', strict: true } });
});

test('embeds, in base64 as the client prefers it and in numbers', async () => {
  const input = ['one', 'three'];
  const vectors = [
    [3, 0.5, -0.25],
    [5, 0.5, -0.25],
  ];
  for (const format of [{}, { encoding_format: 'float' as const }]) {
    const { data } = await openai.embeddings.create({ model: 'scripted', input, ...format });
    expect(data.map(({ embedding }) => embedding)).toEqual(vectors);
  }
});

test('lists models, and finds one', async () => {
  const ids: string[] = [];
  for await (const model of openai.models.list()) ids.push(model.id);
  expect(ids.sort()).toEqual(['loading', 'scripted', 'scripted-vllm']);
  expect(await openai.models.retrieve('scripted')).toMatchObject({ id: 'scripted', object: 'model' });
});

test.each([
  ['asked as a chat', 'scripted', '/v1/chat/completions'],
  ['of an engine that knows them', 'scripted-vllm', '/v1/responses'],
])('responses %s', async (_, model, path) => {
  const whole = await openai.responses.create({ model, input: 'Hello', instructions: 'Be kind.' });
  expect([whole.output_text, whole.status, whole.usage?.total_tokens]).toEqual(['Hello from the engine.', 'completed', 9]);
  expect(world.engine.last.path).toBe(path);

  const stream = openai.responses.stream({ model, input: 'Hello' });
  const deltas: string[] = [];
  stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
  expect((await stream.finalResponse()).output_text).toBe('Hello from the engine.');
  expect(deltas.join('')).toBe('Hello from the engine.');
});

test('a response calls a tool', async () => {
  const name = 'get_weather';
  const parameters = { type: 'object', properties: { city: { type: 'string' } } };
  const tools = [{ type: 'function' as const, name, parameters, strict: false }];
  const stream = openai.responses.stream({ model: 'scripted', input: 'How is the weather?', tools });
  expect((await stream.finalResponse()).output).toMatchObject([{ type: 'function_call', name, arguments: '{"city": "Paris"}' }]);
});

test.each([
  ['an unknown key', () => clientWith('mf-wrong'), 'scripted', 'Hello', OpenAI.AuthenticationError, 401, 'invalid_api_key'],
  ['an unknown model', () => openai, 'gpt-9', 'Hello', OpenAI.NotFoundError, 404, 'model_not_found'],
  ['what the worker refuses', () => openai, 'scripted', 'write too much', OpenAI.BadRequestError, 400, 'context_length_exceeded'],
  ['a model that loads', () => openai, 'loading', 'Hello', OpenAI.InternalServerError, 503, 'model_loading'],
  ['a worker that fails', () => openai, 'scripted', 'fail', OpenAI.InternalServerError, 500, 'engine_failed'],
] as const)('%s is the error that users catch, whole and streamed', async (_, client, model, text, kind, status, code) => {
  for (const stream of [false, true]) {
    const error = await failure(client().chat.completions.create({ ...said(text, model), stream }));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status, code, requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  }
});

test('a malformed request names its field', async () => {
  const error = await failure(openai.chat.completions.create({ ...said('Hello'), max_tokens: -1 }));
  expect(error).toBeInstanceOf(OpenAI.BadRequestError);
  expect(error).toMatchObject({ type: 'invalid_request_error', param: 'max_tokens' });
});

test('a model that loads says when to come again', async () => {
  const error = await failure(openai.chat.completions.create(said('Hello', 'loading')));
  expect(error.headers?.get('retry-after')).toBe(String(loadingSeconds));
});

test('a limit that is reached is a RateLimitError', async () => {
  const limited = clientWith(await world.keyWith({ requestsPerMinute: 1 }));
  const { response } = await limited.chat.completions.create(said('Hello')).withResponse();
  expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('0');
  const error = await failure(limited.chat.completions.create(said('Hello')));
  expect(error).toBeInstanceOf(OpenAI.RateLimitError);
  expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' });
  expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(50);
});

test('a quota that is used up is tried once, however many retries there may be', async () => {
  const asked: string[] = [];
  const counting: typeof fetch = (url, init) => {
    asked.push(String(url));
    return fetch(url, init);
  };
  const apiKey = await world.keyWith({ tokensPerDay: 1 });
  const spent = new OpenAI({ baseURL: world.url, apiKey, maxRetries: 2, fetch: counting });
  await spent.chat.completions.create(said('Hello'));
  expect(await failure(spent.chat.completions.create(said('Hello')))).toMatchObject({ status: 429, code: 'insufficient_quota' });
  expect(asked).toHaveLength(2);
});

test('the client waits as long as a limit tells it, and its one retry passes', async () => {
  const key = await world.keyWith({ tokensPerMinute: 6_000 });
  await clientWith(key).chat.completions.create(said('cost 6000 tokens'));
  const error = await failure(clientWith(key).chat.completions.create({ ...said('Hello'), max_tokens: 300 }));
  // By itself the client waits for less than a second, so what passes shows that it has listened.
  expect(Number(error.headers?.get('retry-after-ms'))).toBeGreaterThan(1_000);
  const answer = await clientWith(key, 1).chat.completions.create({ ...said('Hello'), max_tokens: 300 });
  expect(answer.choices[0]?.message.content).toBe('Hello from the engine.');
});

test('a call that came before the model is tried again when the load should have ended', async () => {
  await world.addLoading('soon', '50ms');
  const statuses: number[] = [];
  const watching: typeof fetch = async (url, init) => {
    const response = await fetch(url, init);
    statuses.push(response.status);
    if (response.status === 503) await world.addReplica('soon', world.engine.port);
    return response;
  };
  const client = new OpenAI({ baseURL: world.url, apiKey: world.key, maxRetries: 1, fetch: watching });
  const answer = await client.chat.completions.create(said('Hello', 'soon'));
  expect([statuses, answer.choices[0]?.message.content]).toEqual([[503, 200], 'Hello from the engine.']);
});

test('a caller who wants to be told of the load reads on, comments and all', async () => {
  await world.addLoading('later', '50ms');
  const stream = await openai.chat.completions.create(
    { ...said('Hello', 'later'), stream: true },
    { headers: { 'x-modelfleet-hold': 'heartbeat' } },
  );
  // The answer has begun, so there has been a comment.
  await world.addReplica('later', world.engine.port);
  expect(await read(stream)).toBe('Hello from the engine.');
});

test('a stream that breaks off is an error after what came, not an end', async () => {
  const heard: string[] = [];
  const error = await failure(read(await openai.chat.completions.create({ ...said('break off'), stream: true }), heard));
  expect(heard.join('')).toBe('This will not end ');
  expect(error).toMatchObject({ code: 'stream_interrupted', type: 'api_error' });

  const response = await openai.responses.create({ model: 'scripted', input: 'break off', stream: true });
  const types: string[] = [];
  const broken = (async () => {
    for await (const event of response) types.push(event.type);
  })();
  expect(await failure(broken)).toMatchObject({ code: 'stream_interrupted' });
  expect(types).toContain('response.output_text.delta');
});

test.each([
  ['breaks out of its loop', (leave: AbortController) => void leave, false],
  ['aborts', (leave: AbortController) => leave.abort(), true],
])('a caller who %s ends the work of the engine', async (_, go, aborts) => {
  const leave = new AbortController();
  const stream = await openai.chat.completions.create({ ...said('go on'), stream: true }, { signal: leave.signal });
  for await (const _chunk of stream) {
    go(leave);
    if (!aborts) break;
  }
  const { last } = world.engine;
  await eventually(() => last.aborted);
});

test('twenty streams at once over one client', async () => {
  const texts = Array.from({ length: 20 }, async () => read(await openai.chat.completions.create({ ...said('Hello'), stream: true })));
  expect(new Set(await Promise.all(texts))).toEqual(new Set(['Hello from the engine.']));
});
