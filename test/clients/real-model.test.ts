import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeError } from '../../src/core/failure.ts';
import { type PulledModel, pullModel } from '../../src/worker/artifacts/pull/pull.ts';
import { PythonClient } from './python-client.ts';
import { pythonPackages } from './python-packages.ts';
import { RealWorker } from './real-worker.ts';
import { ClientWorld } from './world.ts';

// A gateway process before llama.cpp with a real model: what the scripted engine cannot show, above all responses asked as chats.

let missing: string | undefined;
const model: PulledModel | undefined = await pullModel('smollm2').catch((error: unknown) => {
  missing = describeError(error);
  return undefined;
});
const python = await pythonPackages('openai');
const question = 'What is the capital of France? Answer in one sentence.';

describe.skipIf(!model)(`llama.cpp with SmolLM2${missing ? ` (skipped: ${missing})` : ''}`, { timeout: 60_000 }, () => {
  let world: ClientWorld;
  let worker: RealWorker;
  let openai: OpenAI;
  beforeAll(async () => {
    if (!model) return;
    [worker, world] = await Promise.all([RealWorker.start(model), ClientWorld.start()]);
    await world.addReplica('smollm2', worker.port);
    openai = new OpenAI({ baseURL: world.url, apiKey: world.key, maxRetries: 0 });
  }, 120_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await worker?.[Symbol.asyncDispose]();
  });

  const ask = (content: string) => ({ model: 'smollm2', temperature: 0, max_tokens: 30, messages: [{ role: 'user' as const, content }] });

  test('streams a chat', async () => {
    const stream = openai.chat.completions.stream({ ...ask(question), stream_options: { include_usage: true } });
    expect(await stream.finalContent()).toContain('Paris');
    expect((await stream.totalUsage()).completion_tokens).toBeGreaterThan(3);
  });

  test('gives responses, whole and streamed, with the same words', async () => {
    const asked = { model: 'smollm2', input: question, temperature: 0, max_output_tokens: 30 };
    const whole = await openai.responses.create(asked);
    expect(whole.output_text).toContain('Paris');
    expect(whole).toMatchObject({ status: 'completed', store: false });
    expect(whole.usage?.output_tokens).toBeGreaterThan(3);

    const stream = openai.responses.stream(asked);
    const deltas: string[] = [];
    stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
    const final = await stream.finalResponse();
    expect([final.output_text, deltas.join('')]).toEqual([whole.output_text, whole.output_text]);
    expect(final.usage?.output_tokens).toBe(whole.usage?.output_tokens);
  });

  test('a response that is cut at its bound is incomplete', async () => {
    const cut = await openai.responses.create({ model: 'smollm2', input: 'Tell me a long story.', max_output_tokens: 4 });
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  });

  test('what the engine cannot do is told: too long a prompt, tools, embeddings', async () => {
    const long = openai.chat.completions.create(ask('word '.repeat(1_200)));
    await expect(long).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' });
    const tools = [{ type: 'function' as const, function: { name: 'f' } }];
    await expect(openai.chat.completions.create({ ...ask('hi'), tools })).rejects.toThrow(OpenAI.BadRequestError);
    await expect(openai.embeddings.create({ model: 'smollm2', input: 'hi' })).rejects.toThrow(OpenAI.NotFoundError);
  });

  test('curl streams', async () => {
    const flags = ['-sS', '-N', `${world.url}/chat/completions`, '-H', `Authorization: Bearer ${world.key}`];
    const { stdout } = await promisify(execFile)('curl', [...flags, '-d', JSON.stringify({ ...ask(question), stream: true })]);
    expect(stdout).toMatch(/Paris[\s\S]*data: \[DONE\]\n\n$/);
  });

  test.skipIf(python.missing !== undefined)(
    `the Python client gets the same${python.missing ? ` (skipped: ${python.missing})` : ''}`,
    async () => {
      await using client = await PythonClient.start('openai_client', python.folder ?? '');
      const own = { url: world.url, key: world.key, model: 'smollm2', text: question, temperature: 0 };
      expect(await client.ask('stream', { ...own, max_tokens: 30 })).toMatchObject({ text: expect.stringContaining('Paris') });
      const whole = await client.ask('response', { ...own, max_output_tokens: 30 });
      expect(whole).toMatchObject({ text: expect.stringContaining('Paris'), status: 'completed' });
      const streamed = await client.ask('response_stream', { ...own, max_output_tokens: 30 });
      expect((streamed as { text: string }).text).toBe((whole as { text: string }).text);
    },
  );
});
