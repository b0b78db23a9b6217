import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A process that a benchmark started and ends. */
export type BenchProcess = { readonly pid: number; stop(): Promise<void> };

/** Starts a program of this folder that prints its address as its first line. */
export async function startProgram(program: string, ...args: string[]): Promise<BenchProcess & { readonly address: string }> {
  const child = launch([fileURLToPath(new URL(program, import.meta.url)), ...args], {});
  return { ...handle(child), address: await firstLine(child) };
}

/** Starts a command and waits until `readyUrl` answers 200. */
export async function startCommand(argv: readonly string[], env: NodeJS.ProcessEnv, readyUrl: string): Promise<BenchProcess> {
  const child = launch(argv, env);
  while (!(await answers(readyUrl))) {
    if (child.exitCode !== null) throw new Error(`${argv.join(' ')} ended with ${child.exitCode} before it was ready`);
    await sleep(50);
  }
  return handle(child);
}

function launch(argv: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [...argv], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
}

function handle(child: ChildProcess): BenchProcess {
  return {
    pid: child.pid ?? 0,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false; // does not listen yet
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
    });
    child.once('exit', (code) => reject(new Error(`the process ended with ${code} before it printed its address`)));
  });
}

/** CPU time that a process has used so far, user and system, in microseconds (Linux, 100 ticks a second: proc(5)). */
export async function cpuMicros(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
