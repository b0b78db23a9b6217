import { execFile } from 'node:child_process';

export type RunOptions = { readonly input?: string; readonly timeoutMs?: number; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv };

/** Runs a program to its end and answers its output. A failure is an Error with what the program said. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = { timeout: options.timeoutMs ?? 60_000, maxBuffer: 1 << 26, cwd: options.cwd, env: options.env ?? process.env };
    const child = execFile(program, args, settings, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const ended = error.killed ? `took longer than ${settings.timeout / 1000} s` : 'failed';
      const words = (stderr.trim() || error.message).replace(/\.?$/, '.');
      reject(new Error(`${[program, ...args.slice(0, 2)].join(' ')} ${ended}: ${words}`, { cause: error }));
    });
    // A program that ends before it has read its input is reported by its exit code.
    child.stdin?.on('error', () => undefined).end(options.input ?? '');
  });
}
