import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A process that a benchmark started and ends. */
export type BenchProcess = { readonly pid: number; stop(): Promise<void> };

/** Starts a program of this folder that prints its address as its first line. */
export function startProgram(program: string, ...args: string[]): Promise<BenchProcess & { readonly address: string }> {
  return startProgramOn(undefined, program, ...args);
}

/** The same on one core of the machine, where a number is given. */
export async function startProgramOn(
  core: number | undefined,
  program: string,
  ...args: string[]
): Promise<BenchProcess & { readonly address: string }> {
  const child = launch([process.execPath, fileURLToPath(new URL(program, import.meta.url)), ...args], {}, core);
  return { ...handle(child), address: await firstLine(child) };
}

/** Starts a Node program and waits until `readyUrl` answers 200. */
export function startCommand(argv: readonly string[], env: NodeJS.ProcessEnv, readyUrl: string): Promise<BenchProcess> {
  return startExecutable([process.execPath, ...argv], { env, ready: () => answersOk(readyUrl) });
}

type Start = {
  readonly ready: () => Promise<boolean>;
  readonly env?: NodeJS.ProcessEnv;
  readonly core?: number | undefined;
};

const readyWithinMs = 60_000;

/** Starts any executable, on one core where that is given, and waits until it is ready. Fails when it ends before, or after a minute. */
export async function startExecutable(argv: readonly string[], { ready, env = {}, core }: Start): Promise<BenchProcess> {
  const child = launch(argv, env, core);
  const started = handle(child);
  if (child.pid === undefined) throw new Error(`${argv[0]} could not be started: is it on the PATH?`);
  for (const until = performance.now() + readyWithinMs; !(await ready()); await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`${argv.join(' ')} ended with ${child.exitCode ?? child.signalCode} before it was ready`);
    if (performance.now() < until) continue;
    await started.stop();
    throw new Error(`${argv.join(' ')} was not ready after ${readyWithinMs / 1_000} s`);
  }
  return started;
}

function launch(argv: readonly string[], env: NodeJS.ProcessEnv, core?: number): ChildProcess {
  // taskset becomes the program: what is measured has its process id.
  const [command = '', ...args] = core === undefined ? argv : ['taskset', '-c', String(core), ...argv];
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
}

function handle(child: ChildProcess): BenchProcess {
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve()); // it never began
  });
  child.stdout?.resume();
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Whether a GET is answered with success. */
export async function answersOk(url: string): Promise<boolean> {
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

/** Resident memory of a process now, and the most that it ever was (proc(5), status). */
export async function memoryOf(pid: number): Promise<{ readonly megabytes: number; readonly peakMegabytes: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  return { megabytes: megabytes('VmRSS'), peakMegabytes: megabytes('VmHWM') };
}
