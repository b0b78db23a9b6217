import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../core/clock.ts';
import { Failure } from '../core/failure.ts';
import { silentLogger } from '../core/logger.ts';
import type { MortalEngine } from './agent/supervisor.ts';
import { type GenerateEvent, type GenerateRequest, type LoadedModel, RefusedError } from './engines/engine.ts';
import type { WorkerOptions } from './options.ts';
import { type RunningWorker, startWorker } from './worker.ts';

/** An engine for tests: answers "w0 w1 …"; can be held, crashed and silenced. */
class FakeEngine implements MortalEngine {
  readonly requests: GenerateRequest[] = [];
  readonly ended: Promise<Failure>;
  aborted = 0;
  silentMs = 0;
  /** While set, loads and generations (after their first token) wait for it. */
  hold: Promise<void> | undefined;
  private readonly crash = Promise.withResolvers<Failure>();

  constructor(hold?: Promise<void>) {
    this.hold = hold;
    this.ended = this.crash.promise;
  }

  async load(_: unknown, onProgress: (fraction: number) => void): Promise<LoadedModel> {
    onProgress(0.5);
    await Promise.race([this.hold, this.fallen()]);
    return { device: 'CPU', contextLength: 100, maxSequences: 2, threads: 1 };
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    const warmUp = this.requests.push(request) === 1;
    const maxTokens = request.maxTokens ?? 3;
    if (maxTokens > 100) throw new RefusedError({ kind: 'contextLength', limit: 100, asked: maxTokens });
    yield { kind: 'started', promptTokens: 4, cachedTokens: 1 };
    const gone = new Promise<'gone'>((resolve) => signal.addEventListener('abort', () => resolve('gone'), { once: true }));
    for (let index = 0; index < maxTokens; index += 1) {
      yield { kind: 'text', text: `w${index} `, tokens: 1 };
      if (!warmUp && this.hold && (await Promise.race([this.hold, this.fallen(), gone])) === 'gone') {
        this.aborted += 1;
        return;
      }
    }
    yield { kind: 'done', finishReason: 'length', usage: { promptTokens: 4, completionTokens: maxTokens, cachedTokens: 1 } };
  }

  async tokenize(): Promise<readonly number[]> {
    return [];
  }

  async render(): Promise<string> {
    return '';
  }

  async dispose(): Promise<void> {
    this.kill();
  }

  silentForMs(): number {
    return this.silentMs;
  }

  kill(reason = new Failure('EngineCrashed', 'The engine process was ended by SIGKILL. Last words: boom')): void {
    this.crash.resolve(reason);
  }

  private async fallen(): Promise<never> {
    throw await this.ended;
  }
}

export type TestWorker = AsyncDisposable & {
  readonly worker: RunningWorker;
  readonly engines: FakeEngine[];
  readonly url: string;
  readonly management: string;
  status(): Promise<Record<string, unknown>>;
};

/** A worker with fake engines on free ports. `hold` keeps its loads waiting; the model file is a GGUF without tensors. */
export async function startTestWorker(
  options: Partial<WorkerOptions> & { readonly hold?: Promise<void>; readonly lingerMs?: number } = {},
): Promise<TestWorker> {
  const directory = await mkdtemp(path.join(tmpdir(), 'worker-'));
  const model = Buffer.alloc(24);
  model.write('GGUF');
  model.writeUInt32LE(3, 4);
  await writeFile(path.join(directory, 'm.gguf'), model);
  const engines: FakeEngine[] = [];
  const spawn = () => {
    const engine = new FakeEngine(options.hold);
    engines.push(engine);
    return engine;
  };
  const { hold: _, lingerMs = 0, ...rest } = options;
  const worker = await startWorker(
    {
      ...{ name: 'tiny', source: 'file:///models/m.gguf', files: [], checksums: {}, engine: 'llama', device: 'Auto', maxSequences: 2 },
      ...{
        drainTimeoutMs: 10_000,
        wedgeTimeoutMs: 10_000,
        host: '127.0.0.1',
        port: 0,
        managementPort: 0,
        pathMap: { '/models': directory },
        cacheDir: path.join(directory, 'cache'),
      },
      ...rest,
    },
    { spawn, clock: systemClock, logger: silentLogger, lingerMs },
  );
  const management = `http://127.0.0.1:${worker.managementPort}`;
  return {
    worker,
    engines,
    url: `http://127.0.0.1:${worker.port}`,
    management,
    status: async () => (await (await fetch(`${management}/status`)).json()) as Record<string, unknown>,
    [Symbol.asyncDispose]: async () => {
      await worker.stop();
      await rm(directory, { recursive: true });
    },
  };
}

/** The same, once it is ready. */
export async function startReadyWorker(options: Partial<WorkerOptions> & { readonly lingerMs?: number } = {}): Promise<TestWorker> {
  const started = await startTestWorker(options);
  await phaseIs(started, 'Ready');
  return started;
}

/** Waits until the worker is in `phase`. */
export async function phaseIs({ status }: TestWorker, phase: string, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let seen = await status(); seen.phase !== phase; seen = await status()) {
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(seen)} instead of ${phase}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
