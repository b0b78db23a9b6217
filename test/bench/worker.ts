import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { modelCacheDir } from '../../src/worker/artifacts/pull/cache-dir.ts';
import { findModel } from '../../src/worker/artifacts/pull/catalogue.ts';
import { pullModel } from '../../src/worker/artifacts/pull/pull.ts';
import { freePort } from '../fakes/free-port.ts';
import { cpuMicros, startCommand } from './processes.ts';
import { printReport, quantile, round } from './report.ts';

// Tokens per second of one worker with SmolLM2-135M on the CPU, at 1 and at 8 streams.

const tokens = 96;
const rounds = 3;
const model = findModel('smollm2');

await pullModel(model.name);
const [port, managementPort] = [await freePort(), await freePort()];
const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const flags = [
  '--name',
  model.name,
  '--source',
  `file://${join(modelCacheDir(), model.file)}`,
  '--context-length',
  '2048',
  '--max-sequences',
  '8',
];
const address = ['--device', 'CPU', '--host', '127.0.0.1', '--port', String(port), '--management-port', String(managementPort)];
const started = performance.now();
const worker = await startCommand(
  [main, 'worker', ...flags, ...address],
  { MODELFLEET_LOG_LEVEL: 'warn' },
  `http://127.0.0.1:${managementPort}/readyz`,
);
const readySeconds = (performance.now() - started) / 1000;

await stream(0); // warm-up
const one = await measure(1);
const eight = await measure(8);
await worker.stop();

printReport({
  title: 'worker',
  columns: ['streams', 'tokens/s in all', 'tokens/s a stream', 'first token p50 ms', 'agent CPU µs/token'],
  rows: [one, eight].map((m) => [
    m.streams,
    round(m.tokensPerSecond),
    round(m.tokensPerSecond / m.streams),
    round(m.firstTokenP50Ms),
    round(m.agentCpuMicrosPerToken),
  ]),
  results: {
    model: model.file,
    readySeconds,
    oneStream: one,
    eightStreams: eight,
    batchingGain: eight.tokensPerSecond / one.tokensPerSecond,
  },
});

async function measure(streams: number) {
  const firstTokensMs: number[] = [];
  let generated = 0;
  const cpuBefore = await cpuMicros(worker.pid);
  const began = performance.now();
  for (let round = 0; round < rounds; round += 1) {
    const results = await Promise.all(Array.from({ length: streams }, (_, index) => stream(round * streams + index + 1)));
    for (const result of results) {
      firstTokensMs.push(result.firstTokenMs);
      generated += result.tokens;
    }
  }
  const seconds = (performance.now() - began) / 1000;
  return {
    streams,
    tokensPerSecond: generated / seconds,
    firstTokenP50Ms: quantile(firstTokensMs, 0.5),
    agentCpuMicrosPerToken: ((await cpuMicros(worker.pid)) - cpuBefore) / generated,
  };
}

async function stream(seed: number): Promise<{ tokens: number; firstTokenMs: number }> {
  const began = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: model.name,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: tokens,
      temperature: 0.8,
      seed,
      messages: [{ role: 'user', content: `Write a long story about ship number ${seed}.` }],
    }),
  });
  if (!response.ok || !response.body) throw new Error(`the worker answered ${response.status}: ${await response.text()}`);
  let text = '';
  let firstTokenMs: number | undefined;
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (firstTokenMs === undefined && /"content":"[^"]/.test(text)) firstTokenMs = performance.now() - began;
  }
  const usage = /"completion_tokens":(\d+)/.exec(text);
  if (!usage || firstTokenMs === undefined) throw new Error(`the stream ended without tokens or usage: ${text.slice(-200)}`);
  return { tokens: Number(usage[1]), firstTokenMs };
}
