import { getLlama, type Llama, type LlamaContext, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp';
import { Failure } from '../../../core/failure.ts';
import { computeThreads, memoryLimit } from '../cgroup.ts';
import type { LoadRequest } from '../engine.ts';
import { LineTail } from '../line-tail.ts';
import { assertDevice, gpuFor } from './device.ts';
import { contextFailure, deviceFailure, modelFailure } from './load-failures.ts';

/** Tokens of context when neither the deployment nor the model says less: the KV cache of every sequence is reserved up front. */
const defaultContextLength = 4096;
/** llama.cpp's limit on sequences of one context. */
const mostSequences = 256;

/** A model in memory, with a context that holds `sequences` requests of `contextLength` tokens each. */
export type LoadedLlama = {
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly contextLength: number;
  readonly device: string;
  readonly threads: number;
};

/** Loads weights and reserves the KV cache. What does not fit is refused before anything is allocated. Throws a Failure. */
export async function loadLlama(request: LoadRequest, onProgress: (fraction: number) => void, signal: AbortSignal): Promise<LoadedLlama> {
  if (request.maxSequences > mostSequences) {
    throw new Failure('UnsupportedModel', `The engine llama runs at most ${mostSequences} sequences, not ${request.maxSequences}.`);
  }
  const threads = computeThreads();
  const words = new LineTail();
  const llama = await startLlama(request, threads, words);
  const limit = memoryLimit();
  if (limit !== undefined) await llama.setRamCap(limit);

  const model = await loadModel(llama, request, words, onProgress, signal);
  const device = await assertDevice(llama, request.device, model.gpuLayers);
  const contextLength = chooseContextLength(request, model.trainContextSize);
  const context = await createContext(model, request.maxSequences, contextLength, device, words, signal);
  return { llama, model, context, contextLength, device, threads };
}

async function startLlama(request: LoadRequest, threads: number, words: LineTail): Promise<Llama> {
  const gpu = gpuFor(request.device);
  const logger = (level: LlamaLogLevel, message: string) => {
    words.add(message);
    process.stderr.write(`llama.cpp ${level}: ${message.trim()}\n`);
  };
  try {
    // Never a source build or a download: what is not in the image is missing.
    return await getLlama({ gpu, build: 'never', skipDownload: true, maxThreads: threads, logLevel: LlamaLogLevel.warn, logger });
  } catch (error) {
    throw deviceFailure(request.device, error, words);
  }
}

async function loadModel(
  llama: Llama,
  request: LoadRequest,
  words: LineTail,
  onLoadProgress: (fraction: number) => void,
  signal: AbortSignal,
): Promise<LlamaModel> {
  try {
    return await llama.loadModel({ modelPath: request.modelPath, onLoadProgress, loadSignal: signal });
  } catch (error) {
    signal.throwIfAborted();
    throw modelFailure(request.modelPath, llama.gpu !== false, error, words);
  }
}

function chooseContextLength(request: LoadRequest, trained: number): number {
  if (request.contextLength !== undefined && request.contextLength > trained) {
    throw new Failure(
      'UnsupportedModel',
      `The model was trained for a context of ${trained} tokens, not ${request.contextLength}: lower contextLength.`,
    );
  }
  return request.contextLength ?? Math.min(trained, defaultContextLength);
}

async function createContext(
  model: LlamaModel,
  sequences: number,
  contextSize: number,
  device: string,
  words: LineTail,
  createSignal: AbortSignal,
): Promise<LlamaContext> {
  try {
    return await model.createContext({ sequences, contextSize, createSignal });
  } catch (error) {
    createSignal.throwIfAborted();
    throw contextFailure(`${sequences} sequences of ${contextSize} tokens`, device, error, words);
  }
}
