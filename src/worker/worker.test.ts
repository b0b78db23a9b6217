import { once } from 'node:events';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Pool } from 'undici';
import { expect, test } from 'vitest';
import { agentStatus, drainingHeader } from '../core/agent-contract.ts';
import { Failure } from '../core/failure.ts';
import { phaseIs, startReadyWorker, startTestWorker, type TestWorker } from './worker.fixture.ts';

const streamed = JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], stream: true });
const chat = ({ url }: TestWorker, body = streamed) => fetch(`${url}/v1/chat/completions`, { method: 'POST', body });

test('tells its phases and its device in the shape of the contract', async () => {
  const loading = Promise.withResolvers<void>();
  await using worker = await startTestWorker({ hold: loading.promise });
  await phaseIs(worker, 'LoadingWeights');
  expect(agentStatus.parse(await worker.status())).toMatchObject({
    percent: 50,
    bytesTotal: 24,
    bytesDone: 12,
    device: null,
    model: 'tiny',
  });
  loading.resolve();
  await phaseIs(worker, 'Ready');
  expect(agentStatus.parse(await worker.status())).toMatchObject({ percent: 100, device: 'CPU', reason: null });
  expect((await fetch(`${worker.management}/readyz`)).status).toBe(200);
});

test('while a model loads, what the start probe and the liveness probe ask is answered, and only readiness waits', async () => {
  const loading = Promise.withResolvers<void>();
  await using worker = await startTestWorker({ hold: loading.promise });
  await phaseIs(worker, 'LoadingWeights');
  const codes = () => Promise.all(['/livez', '/readyz'].map(async (path) => (await fetch(`${worker.management}${path}`)).status));
  expect(await codes()).toEqual([200, 503]);
  loading.resolve();
  await phaseIs(worker, 'Ready');
  expect(await codes()).toEqual([200, 200]);
});

test('tells how much of the KV cache running requests have', async () => {
  await using worker = await startReadyWorker();
  const [engine] = worker.engines;
  if (!engine) throw new Error('no engine was started');
  const going = Promise.withResolvers<void>();
  engine.hold = going.promise;
  const answers = [chat(worker), chat(worker)];
  // Two prompts of four tokens and a first token each, in a cache of 200.
  await expect.poll(async () => (await worker.status()).kvCacheUsage).toBe(0.05);
  expect(await (await fetch(`${worker.management}/metrics`)).text()).toContain('vllm:kv_cache_usage_perc{model_name="tiny"} 0.05');
  going.resolve();
  for (const answer of answers) await (await answer).text();
  expect(await worker.status()).toMatchObject({ kvCacheUsage: 0 });
  engine.kill();
  await phaseIs(worker, 'Failed');
  expect(await worker.status()).not.toHaveProperty('kvCacheUsage');
});

test('when the engine dies, its streams end with an error event and without [DONE], and another engine is started', async () => {
  await using worker = await startReadyWorker();
  const [engine] = worker.engines;
  if (engine) engine.hold = Promise.withResolvers<void>().promise;
  const response = await chat(worker);
  engine?.kill();
  const text = await response.text();
  expect(text).toContain('"code":"stream_interrupted"');
  expect(text).not.toContain('[DONE]');
  await phaseIs(worker, 'Failed');
  expect(await worker.status()).toMatchObject({ reason: 'EngineCrashed', message: expect.stringContaining('boom') });
  expect((await chat(worker)).status).toBe(503);
  await phaseIs(worker, 'Ready');
  expect(worker.engines).toHaveLength(2);
  expect((await chat(worker)).status).toBe(200);
});

test('an engine that runs out of memory after its model was loaded is started again: it could load it', async () => {
  const full = new Failure('HostOutOfMemory', 'The memory of the container was used up.');
  await using worker = await startReadyWorker();
  worker.engines[0]?.kill(full);
  await phaseIs(worker, 'Failed');
  expect(await worker.status()).toMatchObject({ reason: 'HostOutOfMemory', message: full.message });
  await phaseIs(worker, 'Ready');
});

test('an engine that hangs is ended and replaced', async () => {
  await using worker = await startReadyWorker({ wedgeTimeoutMs: 50 });
  const [engine] = worker.engines;
  if (engine) engine.silentMs = 51;
  await phaseIs(worker, 'Failed');
  expect(await worker.status()).toMatchObject({ reason: 'EngineWedged' });
  await phaseIs(worker, 'Ready');
});

test('a model that cannot be loaded is Failed with its reason, and is not tried again and again', async () => {
  await using worker = await startTestWorker({ source: 'file:///models/none.gguf' });
  await phaseIs(worker, 'Failed');
  expect(await worker.status()).toMatchObject({ reason: 'SourceNotFound', message: expect.stringContaining('none.gguf') });
  expect(worker.engines).toHaveLength(0);
  expect((await fetch(`${worker.management}/livez`)).status).toBe(200);
});

test('a wrong checksum is Failed before any engine is started', async () => {
  await using worker = await startTestWorker({ checksums: { 'm.gguf': `sha256:${'0'.repeat(64)}` } });
  await phaseIs(worker, 'Failed');
  expect(await worker.status()).toMatchObject({ reason: 'ChecksumMismatch' });
  expect(worker.engines).toHaveLength(0);
});

test('a drain finishes what runs and what waits, and refuses what comes in a way that another replica can make good', async () => {
  await using worker = await startReadyWorker({ maxSequences: 1 });
  const [engine] = worker.engines;
  const answer = Promise.withResolvers<void>();
  if (engine) engine.hold = answer.promise;
  const running = await chat(worker);
  const waiting = chat(worker);
  await expect.poll(worker.status).toMatchObject({ inFlight: 1, waiting: 1 });
  const acknowledged = await fetch(`${worker.management}/drain`, { method: 'POST' });
  expect([acknowledged.status, await acknowledged.json()]).toMatchObject([
    202,
    { draining: true, phase: 'Draining', inFlight: 1, waiting: 1 },
  ]);
  const refused = await chat(worker);
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'draining' } }]);
  expect([refused.headers.get(drainingHeader), refused.headers.get('connection')]).toEqual(['true', 'close']);
  expect((await fetch(`${worker.management}/readyz`)).status).toBe(503);
  const stopped = worker.worker.stop();
  answer.resolve();
  expect(await running.text()).toContain('[DONE]');
  expect(await (await waiting).text()).toContain('[DONE]');
  await stopped;
});

test('a request that comes on a kept connection just after SIGTERM is refused, not cut off', async () => {
  await using worker = await startReadyWorker({ lingerMs: 60_000 });
  const kept = new Pool(worker.url, { connections: 1 });
  const ask = async () => {
    const { statusCode, headers, body } = await kept.request({ path: '/v1/chat/completions', method: 'POST', body: streamed });
    await body.text();
    return [statusCode, headers.connection, headers[drainingHeader]];
  };
  expect(await ask()).toEqual([200, 'keep-alive', undefined]);
  const stopped = worker.worker.stop();
  expect(await ask()).toEqual([503, 'close', 'true']);
  // Nobody is left who could be surprised: it does not wait out its time.
  await stopped;
  await expect(ask()).rejects.toThrow('ECONNREFUSED');
  await kept.close();
});

test('a kept connection that stays silent holds a worker up for no longer than gateways need to hear of its end', async () => {
  await using worker = await startReadyWorker({ lingerMs: 200 });
  const socket = connect(worker.worker.port, '127.0.0.1').resume();
  await once(socket, 'connect');
  const closed = once(socket, 'close').then(() => performance.now());
  const began = performance.now();
  await worker.worker.stop();
  expect((await closed) - began).toBeGreaterThanOrEqual(190);
});

test('a caller who reads slowly gets the whole answer of a worker that ends', async () => {
  await using worker = await startReadyWorker();
  // Every event repeats the name: 20 MB, more than sockets hold.
  const model = 'm'.repeat(200_000);
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }], stream: true, max_tokens: 100 });
  const socket = connect(worker.worker.port, '127.0.0.1');
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: w\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await once(socket, 'readable');
  const stopped = worker.worker.stop();
  const text = (await buffer(socket)).toString();
  expect(text).toContain('w99 ');
  expect(text).toContain('[DONE]');
  await stopped;
});

test('a drain that takes too long cuts off what still runs, with an error event', async () => {
  await using worker = await startReadyWorker({ drainTimeoutMs: 50 });
  const [engine] = worker.engines;
  if (engine) engine.hold = Promise.withResolvers<void>().promise;
  const running = await chat(worker);
  await worker.worker.stop();
  const text = await running.text();
  expect(text).toContain('stream_interrupted');
  expect(text).not.toContain('[DONE]');
});

test('counts requests and tokens under our names and under those of vLLM', async () => {
  await using worker = await startReadyWorker();
  await (await chat(worker)).text();
  const metrics = await (await fetch(`${worker.management}/metrics`)).text();
  for (const line of [
    'vllm:num_requests_running{model_name="tiny"} 0',
    'vllm:prompt_tokens_total{model_name="tiny"} 4',
    'vllm:generation_tokens_total{model_name="tiny"} 3',
    'vllm:time_to_first_token_seconds_count{model_name="tiny"} 1',
    'vllm:inter_token_latency_seconds_count{model_name="tiny"} 2',
    'modelfleet_worker_requests_total{endpoint="/v1/chat/completions",code="200"} 1',
    'modelfleet_worker_ready{model_name="tiny"} 1',
  ]) {
    expect(metrics).toContain(line);
  }
});

test('a taken port is an error that names it', async () => {
  await using worker = await startReadyWorker();
  await expect(startTestWorker({ port: worker.worker.port })).rejects.toThrow(/EADDRINUSE.*127\.0\.0\.1/);
});
