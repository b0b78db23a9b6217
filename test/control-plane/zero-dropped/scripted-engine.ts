import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, LoadedModel } from '../../../src/worker/engines/engine.ts';
import { serveEngine } from '../../../src/worker/engines/process/serve.ts';
import { wordOf } from './words.ts';

// An engine process that says words at an even pace and costs no CPU: what is tested stands before the engine.

const loadSteps = 5;
const loadStepMs = 100;
const wordMs = 100;

const engine: Engine = {
  async load({ device, contextLength = 4096, maxSequences }, onProgress, signal): Promise<LoadedModel> {
    for (let step = 1; step <= loadSteps; step += 1) {
      await sleep(loadStepMs, undefined, { signal });
      onProgress(step / loadSteps);
    }
    return { device: device === 'Auto' ? 'CPU' : device, contextLength, maxSequences, threads: 1 };
  },
  tokenize: async (text) => [...text].map((_, index) => index),
  render: async (messages) => messages.map(({ content }) => content).join('\n'),
  async *generate({ maxTokens = 16 }, signal) {
    yield { kind: 'started', promptTokens: 4, cachedTokens: 0 };
    for (let index = 0; index < maxTokens; index += 1) {
      await sleep(wordMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      yield { kind: 'text', text: wordOf(index), tokens: 1 };
    }
    yield { kind: 'done', finishReason: 'length', usage: { promptTokens: 4, completionTokens: maxTokens, cachedTokens: 0 } };
  },
  dispose: async () => {},
};

serveEngine(engine);
