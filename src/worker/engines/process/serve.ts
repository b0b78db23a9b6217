import { describeError, Failure } from '../../../core/failure.ts';
import { type Engine, RefusedError } from '../engine.ts';
import type { CallResult, FromEngine, ToEngine, WireError } from './messages.ts';
import { dieFirstWithoutMemory } from './oom-victim.ts';

/**
 * Serves `engine` to the parent process over IPC. Runs in the engine process and ends it when the parent is gone.
 * What the running generations say within one turn of the event loop (one decode step) travels as one message.
 */
export function serveEngine(engine: Engine): void {
  const send = process.send?.bind(process);
  if (!send) throw new Error('an engine process is started by the agent, not by hand');
  dieFirstWithoutMemory();

  const calls = new Map<number, AbortController>();
  let batch: FromEngine[] = [];

  const post = (message: FromEngine): void => {
    batch.push(message);
    if (batch.length > 1) return;
    setImmediate(() => {
      const messages = batch;
      batch = [];
      if (process.connected) send(messages);
    });
  };

  const answer = async (id: number, work: (signal: AbortSignal) => Promise<CallResult>): Promise<void> => {
    const abort = new AbortController();
    calls.set(id, abort);
    try {
      post({ kind: 'result', id, result: await work(abort.signal) });
    } catch (error) {
      post({ kind: 'error', id, error: abort.signal.aborted ? { kind: 'aborted' } : toWire(error) });
    } finally {
      calls.delete(id);
    }
  };

  const act = (message: ToEngine): Promise<void> | undefined => {
    const { id } = message;
    switch (message.kind) {
      case 'load':
        return answer(id, (signal) => engine.load(message.request, (fraction) => post({ kind: 'progress', id, fraction }), signal));
      case 'tokenize':
        return answer(id, () => engine.tokenize(message.text));
      case 'render':
        return answer(id, () => engine.render(message.messages, message.templateArguments));
      case 'generate':
        return answer(id, async (signal) => {
          for await (const event of engine.generate(message.request, signal)) post({ kind: 'event', id, event });
          return null;
        });
      case 'dispose':
        return answer(id, async () => {
          await engine.dispose();
          return null;
        });
      case 'abort':
        calls.get(id)?.abort();
        return undefined;
    }
  };

  process.on('message', (message: ToEngine) => void act(message));
  // The agent is gone, even by kill -9: the channel closes, and nobody is left to answer.
  process.on('disconnect', () => process.exit(1));
  // A signal for the whole process group (Ctrl-C) is the agent's to handle: it drains first.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
}

function toWire(error: unknown): WireError {
  if (error instanceof RefusedError) return { kind: 'refused', refusal: error.refusal };
  if (error instanceof Failure) return { kind: 'failure', reason: error.reason, message: error.message };
  return { kind: 'other', message: describeError(error) };
}
