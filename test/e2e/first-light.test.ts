import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentStatus } from '../../src/core/agent-contract.ts';
import { startModelfleet } from '../fakes/command.ts';
import { startKubectl } from '../fakes/kubectl.ts';
import { allGone, LocalMode, smollm2 } from '../fakes/local-mode.ts';

// Local mode as a user meets it: the program, kubectl and the openai client, with a real model. The tests build on each other, in order.

let local: LocalMode;
beforeAll(async () => {
  local = await LocalMode.create();
});
afterAll(() => local[Symbol.asyncDispose]());

const chat = (client: OpenAI, maxTokens: number, about = 'a ship') =>
  client.chat.completions.create({
    model: 'smollm2',
    stream: true,
    max_tokens: maxTokens,
    messages: [{ role: 'user', content: `Tell me a very long story about ${about}.` }],
  });

async function textOf(stream: Awaited<ReturnType<typeof chat>>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  return text;
}

/** The management ports of the replicas, as local mode tells them. */
async function managementPorts(): Promise<number[]> {
  const pods = JSON.parse(await local.kubectl('get', 'pods', '-o', 'json')) as {
    items: { metadata: { annotations: Record<string, string> } }[];
  };
  return pods.items.map(
    ({ metadata }) => (JSON.parse(metadata.annotations['modelfleet.dev/ports'] ?? '{}') as { management: number }).management,
  );
}

async function tokensGenerated(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^vllm:generation_tokens_total\{.*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

const ready = (replicas: number) =>
  local.kubectl('wait', `--for=jsonpath={.status.readyReplicas}=${replicas}`, 'mdep/smollm2', '--timeout=40s');

test('start shows the load and says how to connect', { timeout: 180_000 }, async () => {
  await local.start('--apply', smollm2);

  expect(local.output).toMatch(/smollm2: LoadingWeights \d+%.*smollm2: Ready 100%/s);
  const { gateway, apiKey, kubeconfig } = await local.connection();
  for (const told of [gateway, apiKey, `kubectl --kubeconfig ${kubeconfig}`]) expect(local.output).toContain(told);
  expect((await stat(join(local.folder, 'state', 'connection.json'))).mode & 0o777).toBe(0o600);
});

test('the agent of each replica keeps the contract', async () => {
  const [port] = await managementPorts();
  const status = agentStatus.parse(await (await fetch(`http://127.0.0.1:${port}/status`)).json());
  expect(status).toMatchObject({ phase: 'Ready', percent: 100, model: 'smollm2', engine: 'llama', device: 'CPU' });
});

test('eight chats at once stream real answers through the gateway', { timeout: 60_000 }, async () => {
  const client = await local.openai();
  const answers = await Promise.all(Array.from({ length: 8 }, async (_, index) => textOf(await chat(client, 24, `ship ${index}`))));
  for (const answer of answers) expect(answer.length).toBeGreaterThan(20);
});

test('errors come in the shape that OpenAI clients know', async () => {
  const client = await local.openai();
  const stranger = new OpenAI({ baseURL: client.baseURL, apiKey: 'mf-wrong', maxRetries: 0 });
  await expect(chat(stranger, 1)).rejects.toMatchObject({ status: 401, code: 'invalid_api_key', type: 'invalid_request_error' });
  await expect(client.chat.completions.create({ model: 'gpt-9', messages: [] })).rejects.toMatchObject({
    status: 404,
    code: 'model_not_found',
    param: 'model',
  });

  const malformed = await fetch(`${client.baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${client.apiKey}` },
    body: '{"model":',
  });
  expect(malformed.status).toBe(400);
  expect(await malformed.json()).toMatchObject({ error: { type: 'invalid_request_error', code: 'malformed_json' } });
});

test('a new key of another tenant acts at once, and its removal too', async () => {
  const made = startModelfleet('keys', 'create', 'team-a', '--kubeconfig', local.kubeconfig);
  await once(made.child, 'close');
  const { gateway } = await local.connection();
  const asked = async () => (await fetch(`${gateway}/models`, { headers: { authorization: `Bearer ${made.output().trim()}` } })).status;
  await expect.poll(asked).toBe(200);
  await local.kubectl('delete', 'tenant', 'team-a');
  await expect.poll(asked).toBe(401);
});

test('kubectl scale gives a second replica, and both serve', { timeout: 90_000 }, async () => {
  const watch = await startKubectl(local.kubeconfig, ['get', 'mdep', '-w']);
  const watched = text(watch.stdout);
  await local.kubectl('scale', 'mdep/smollm2', '--replicas=2');
  await ready(2);
  watch.kill();
  expect(await watched).toMatch(/smollm2 +1\/2 +Loading +\d+% LoadingWeights.*\nsmollm2 +2\/2 +Ready +100%/s);
  expect(await local.kubectl('get', 'mdep')).toMatch(/NAME +READY +PHASE +LOAD +ETA +QUEUE +MODEL +AGE\nsmollm2 +2\/2 +Ready +100%/);

  const ports = await managementPorts();
  const before = await Promise.all(ports.map(tokensGenerated));
  const client = await local.openai();
  await Promise.all(Array.from({ length: 4 }, async () => textOf(await chat(client, 16))));
  const after = await Promise.all(ports.map(tokensGenerated));
  expect(after.map((count, index) => count > (before[index] ?? 0))).toEqual([true, true]);
});

test('kill -9 of a worker breaks its own streams with an error; the others go on and the replica comes back', {
  timeout: 90_000,
}, async () => {
  const client = await local.openai();
  const streams = await Promise.all(Array.from({ length: 4 }, () => chat(client, 150)));
  const answers = streams.map(textOf);
  const settled = Promise.allSettled(answers);
  const [victim] = await local.workers();
  process.kill(victim?.pid ?? 0, 'SIGKILL');

  const ends = await settled;
  const broken = ends.filter((end) => end.status === 'rejected');
  expect(broken).toHaveLength(2);
  for (const { reason } of broken) expect(reason).toMatchObject({ code: 'stream_interrupted' });
  await ready(2);
});

test('kill -9 of everything leaves no process; the next start goes on with the same objects', { timeout: 120_000 }, async () => {
  const workers = await local.workers();
  const { apiKey } = await local.connection();
  const uid = await local.kubectl('get', 'mdep', 'smollm2', '-o', 'jsonpath={.metadata.uid}');
  await local.end('SIGKILL');
  await allGone(workers);

  await local.start('--apply', smollm2);
  expect(local.output).toContain('modeldeployment/smollm2 was changed since it was applied: kept as it is');
  expect(await local.kubectl('get', 'mdep', 'smollm2', '-o', 'jsonpath={.metadata.uid} {.spec.replicas}')).toBe(`${uid} 2`);
  expect((await local.connection()).apiKey).toBe(apiKey);
  expect((await textOf(await chat(await local.openai(), 8))).length).toBeGreaterThan(0);
});

test('kubectl delete ends the processes after their streams', { timeout: 90_000 }, async () => {
  await ready(2);
  const workers = await local.workers();
  const client = await local.openai();
  const streams = await Promise.all([chat(client, 60), chat(client, 60)]);
  const answers = streams.map(textOf);
  await local.kubectl('delete', 'mdep', 'smollm2', '--wait=false');

  for (const answer of await Promise.all(answers)) expect(answer.length).toBeGreaterThan(100);
  await allGone(workers);
  await expect.poll(() => local.kubectl('get', 'pods', '-o', 'name')).toBe('');
  await expect(chat(client, 1)).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
});

test('Ctrl-C stops everything and exits with 0', { timeout: 60_000 }, async () => {
  await local.kubectl('apply', '-f', smollm2);
  await ready(1);
  const workers = await local.workers();
  expect(await local.end('SIGINT')).toMatchObject({ code: 0 });
  await allGone(workers);
});

test('the next start after Ctrl-C serves again', { timeout: 60_000 }, async () => {
  await local.start('--apply', smollm2);
  expect(local.output).not.toContain('Failed');
  expect((await textOf(await chat(await local.openai(), 8))).length).toBeGreaterThan(0);
  expect(await local.end('SIGINT')).toMatchObject({ code: 0 });
});
