import { constants } from 'node:os';
import { Failure } from '../../../core/failure.ts';
import type { LineTail } from '../line-tail.ts';

/** How an engine process ended. */
export type EngineEnd = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote. */
  readonly words: LineTail | undefined;
  /** Whether the kernel has ended a process of the container for memory while it ran. */
  readonly outOfMemory: boolean;
  /** Memory that the container may use, in bytes; undefined when it is not limited. */
  readonly memoryLimit: number | undefined;
};

/** What the end of an engine process means: full memory of the host, what its last words tell of, or else a crash. Pure. */
export function endOfEngine({ code, signal, words, outOfMemory, memoryLimit }: EngineEnd): Failure {
  const said = words?.last() ?? '';
  const last = said === '' ? '' : ` Last words: ${said}`;
  if (signal === 'SIGKILL' && outOfMemory) {
    // In the unit that people write limits in.
    const limit =
      memoryLimit === undefined ? 'the memory of the container' : `the ${Math.round(memoryLimit / 2 ** 20)}Mi of memory of the container`;
    return new Failure('HostOutOfMemory', `The engine process was ended by SIGKILL because ${limit} was used up.${last}`);
  }
  const how = signal ? `was ended by ${signal}` : `ended with ${codeName(code)}`;
  return new Failure(words?.reason ?? 'EngineCrashed', `The engine process ${how}.${last}`);
}

/** Shells and some runtimes tell a signal as 128 and its number. */
function codeName(code: number | null): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === (code ?? 0) - 128)?.[0];
  return name === undefined ? `code ${code}` : `code ${code} (${name})`;
}
