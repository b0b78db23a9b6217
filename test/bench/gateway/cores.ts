import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { say } from '../report.ts';

const run = promisify(execFile);

/**
 * Puts this process, and what it starts from now on, on one core, and resolves with another for the program that is measured.
 * Undefined, after a line that says so, where there is but one core or no `taskset` (Debian: util-linux).
 */
export async function leaveCoreForMeasured(): Promise<number | undefined> {
  const [own, measured] = allowedCores(await readFile('/proc/self/status', 'utf8'));
  if (own === undefined || measured === undefined) {
    say('there is but one core: who asks, who answers and what is measured share it');
    return undefined;
  }
  try {
    await run('taskset', ['-apc', String(own), String(process.pid)]);
    return measured;
  } catch (error) {
    say(`nothing is kept to a core of its own: ${error instanceof Error ? error.message.trim() : error}`);
    return undefined;
  }
}

/** Cores that a process may use, from its status (proc(5)): a list such as `0-3,8`. */
export function allowedCores(status: string): number[] {
  const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
