import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import type { Clock } from '../../../core/clock.ts';
import { Failure } from '../../../core/failure.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { Logger } from '../../../core/logger.ts';
import { memoryLimit, oomKills } from '../cgroup.ts';
import {
  type ChatMessage,
  type Engine,
  type GenerateEvent,
  type GenerateRequest,
  type LoadedModel,
  type LoadRequest,
  RefusedError,
} from '../engine.ts';
import { endOfEngine } from './end-of-engine.ts';
import { EventQueue } from './event-queue.ts';
import { LastWords } from './last-words.ts';
import type { CallResult, FromEngine, ToEngine, WireError } from './messages.ts';

type Call = {
  readonly onProgress?: (fraction: number) => void;
  readonly onEvent?: (event: GenerateEvent) => void;
  finish(result: CallResult): void;
  fail(error: unknown): void;
};

/** Leaves a call out of `Omit` for each member of the union. */
type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

/**
 * The agent's side of an engine that runs in a process of its own: the engine may crash without taking the ports down.
 * Once the process has ended, every call fails with why it did, and the engine's last words.
 */
export class EngineProcess implements Engine {
  /** Resolves with the failure when the process has ended, however it did. */
  readonly ended: Promise<Failure>;

  private readonly child: ChildProcess;
  private readonly clock: Clock;
  private readonly calls = new Map<number, Call>();
  private readonly running = new Map<number, number>();
  private nextId = 1;
  private failure: Failure | undefined;
  private verdict: Failure | undefined;

  constructor(program: URL, clock: Clock, logger: Logger) {
    this.clock = clock;
    // In a container the user may have no home, without which node-llama-cpp does not start; it writes nothing there.
    const env = { HOME: tmpdir(), ...process.env };
    this.child = fork(program, { env, execArgv: [], serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const say = (line: string) => logger.info({ engine: line }, 'engine output');
    const words = this.child.stderr ? new LastWords(this.child.stderr, say) : undefined;
    this.child.on('message', (messages) => this.receive(messages as readonly FromEngine[]));
    this.ended = this.watch(words);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Milliseconds since the running generation that has been silent longest gave a sign of life; 0 when none runs. */
  silentForMs(): number {
    return this.running.size === 0 ? 0 : this.clock.now() - Math.min(...this.running.values());
  }

  load(request: LoadRequest, onProgress: (fraction: number) => void, signal: AbortSignal): Promise<LoadedModel> {
    return this.call({ kind: 'load', request }, signal, { onProgress }) as Promise<LoadedModel>;
  }

  tokenize(text: string): Promise<readonly number[]> {
    return this.call({ kind: 'tokenize', text }) as Promise<readonly number[]>;
  }

  render(messages: readonly ChatMessage[], templateArguments?: JsonObject): Promise<string> {
    return this.call({ kind: 'render', messages, ...(templateArguments ? { templateArguments } : {}) }) as Promise<string>;
  }

  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    const events = new EventQueue<GenerateEvent>();
    const id = this.nextId;
    const touch = () => this.running.set(id, this.clock.now());
    const abandoned = new AbortController();
    const ended = this.call({ kind: 'generate', request }, AbortSignal.any([signal, abandoned.signal]), {
      onEvent: (event) => {
        touch();
        events.push(event);
      },
    }).then(
      () => events.end(),
      (error) => events.end(signal.aborted ? undefined : error),
    );
    touch();
    try {
      yield* events.read();
    } finally {
      // Whoever stops reading early frees the sequence; it is free when the engine has said so, not before.
      abandoned.abort();
      await ended;
      this.running.delete(id);
    }
  }

  async dispose(): Promise<void> {
    if (this.failure) return;
    await this.call({ kind: 'dispose' }).catch((error: unknown) => {
      if (!this.failure) throw error;
    });
    if (this.child.connected) this.child.disconnect();
    await this.ended;
  }

  /** Ends the process at once. `reason` is what callers are told instead of how it ended. */
  kill(reason?: Failure): void {
    this.verdict ??= reason;
    this.child.kill('SIGKILL');
  }

  private async watch(words: LastWords | undefined): Promise<Failure> {
    const killsBefore = oomKills();
    const failure = await Promise.race([
      // Not 'close': Node does not emit it after a disconnect from this side.
      Promise.all([once(this.child, 'exit'), words?.finished]).then(([[code, signal]]) => {
        const outOfMemory = (oomKills() ?? 0) > (killsBefore ?? 0);
        return endOfEngine({ code, signal, words: words?.tail, outOfMemory, memoryLimit: memoryLimit() });
      }),
      once(this.child, 'error').then(
        ([error]) =>
          new Failure('EngineCrashed', `The engine process could not be started: ${(error as Error).message}.`, { cause: error }),
      ),
    ]);
    this.failure = this.verdict ?? failure;
    for (const call of this.calls.values()) call.fail(this.failure);
    this.calls.clear();
    return this.failure;
  }

  private call(
    message: Unnumbered<ToEngine>,
    signal?: AbortSignal,
    listeners: Pick<Call, 'onProgress' | 'onEvent'> = {},
  ): Promise<CallResult> {
    const id = this.nextId;
    this.nextId += 1;
    if (this.failure) return Promise.reject(this.failure);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = () => this.send({ kind: 'abort', id });
      const settle = () => {
        signal?.removeEventListener('abort', onAbort);
        this.calls.delete(id);
      };
      this.calls.set(id, {
        ...listeners,
        finish: (result) => {
          settle();
          resolve(result);
        },
        fail: (error) => {
          settle();
          reject(signal?.aborted ? signal.reason : error);
        },
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      this.send({ ...message, id } as ToEngine);
    });
  }

  private send(message: ToEngine): void {
    // A send that fails means that the process is ending: `ended` settles the calls.
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  private receive(messages: readonly FromEngine[]): void {
    for (const message of messages) {
      const call = this.calls.get(message.id);
      if (message.kind === 'progress') call?.onProgress?.(message.fraction);
      else if (message.kind === 'event') call?.onEvent?.(message.event);
      else if (message.kind === 'result') call?.finish(message.result);
      else call?.fail(fromWire(message.error));
    }
  }
}

function fromWire(error: WireError): Error {
  switch (error.kind) {
    case 'refused':
      return new RefusedError(error.refusal);
    case 'failure':
      return new Failure(error.reason, error.message);
    case 'aborted':
      return new DOMException('The call was aborted.', 'AbortError');
    case 'other':
      return new Error(error.message);
  }
}
