import { setTimeout as sleep } from 'node:timers/promises';
import type { Processes } from './processes.ts';

/** The process whose end makes waiting pointless, and whose log says why. */
export type Watched = { readonly processes: Processes; readonly name: string };

/** Waits until a probe answers true. Ends with the last words of the watched process when it dies or the time is over. */
export async function waitUntil(what: string, watched: Watched, probe: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  let problem: unknown;
  for (const until = performance.now() + timeoutMs; ; await sleep(100)) {
    // Refused connections are what one waits through; the last one is the cause if the wait fails.
    const done = await probe().catch((error: unknown) => {
      problem = error;
      return false;
    });
    if (done) return;
    const running = await watched.processes.isRunning(watched.name);
    if (running && performance.now() < until) continue;
    const why = running ? `is not there after ${timeoutMs / 1000} s` : `cannot be had: ${watched.name} has ended`;
    const words = `${what} ${why}. The end of ${watched.name}'s log:\n${await watched.processes.lastWords(watched.name)}`;
    // What the last probe met is telling only while there was something to meet.
    throw new Error(words, running ? { cause: problem } : undefined);
  }
}
