import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { BatchingEngine, type EngineShape, type Sequence } from '../batching-engine.ts';

// Workers without a model that take as long as an engine with continuous batching would; prints their addresses, with spaces between.
// Argument: how many. About 32 sequences of 100 tokens and 20 to 180 more fit into a worker's KV cache.
const shape: EngineShape = { kvTokens: 6_400, maxSequences: 256, stepMs: 10, sequenceMs: 0.1, promptTokenMs: 0.1 };
const promptTokens = 100;

/** Answers are 20 to 180 tokens long, one after the other in a fixed order. */
let answers = 0;
function nextLength(): number {
  answers += 1;
  return 20 + ((answers * 61) % 161);
}

function startWorker(): Promise<string> {
  const engine = new BatchingEngine(shape);
  let busyUntil = 0;
  let running = false;
  const run = () => {
    if (engine.idle) {
      running = false;
      return;
    }
    // From the planned end of the last step on, so that a late timer does not make the engine slower.
    busyUntil += engine.step();
    setTimeout(run, Math.max(0, busyUntil - performance.now()));
  };
  const submit = (sequence: Sequence) => {
    engine.submit(sequence);
    if (running) return;
    running = true;
    busyUntil = performance.now();
    setImmediate(run);
  };
  const server = createServer((request, response) => answer(request, response, engine, submit));
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', 8_192, () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

/** The first token at its time, and the rest at the end: a chunk for each would measure the machine, not the engine. */
function answer(request: IncomingMessage, response: ServerResponse, engine: BatchingEngine, submit: (sequence: Sequence) => void): void {
  const outputTokens = nextLength();
  const sequence: Sequence = {
    promptTokens,
    outputTokens,
    generated: 0,
    onFirst: () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event({ choices: [{ index: 0, delta: { content: 'x' } }] }));
    },
    onDone: () => {
      const usage = { prompt_tokens: promptTokens, completion_tokens: outputTokens, total_tokens: promptTokens + outputTokens };
      response.end(`${event({ choices: [{ index: 0, delta: { content: 'y' } }] })}${event({ choices: [], usage })}data: [DONE]\n\n`);
    },
  };
  request.resume();
  request.once('end', () => submit(sequence));
  response.once('close', () => engine.cancel(sequence));
}

function event(data: object): string {
  return `data: ${JSON.stringify({ id: 'chatcmpl-mock', object: 'chat.completion.chunk', ...data })}\n\n`;
}

const origins = await Promise.all(Array.from({ length: Number(process.argv[2] ?? 8) }, startWorker));
console.log(origins.join(' '));
process.once('SIGTERM', () => process.exit());
