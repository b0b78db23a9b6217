import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

export type RunOptions = {
  readonly signal: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
  /** Shows what the program prints instead of returning it. */
  readonly verbose?: boolean;
};

/** How much of a program's last words an error carries. */
const lastCharacters = 4000;

/** Runs a program; resolves with what it printed on stdout. Throws an Error with its last words when it fails or cannot be started. */
export async function run(program: string, args: readonly string[], { signal, env, verbose = false }: RunOptions): Promise<string> {
  const output = verbose ? 'inherit' : 'pipe';
  const child = spawn(program, args, { signal, env: env ?? process.env, stdio: ['ignore', output, output] });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const [code] = await once(child, 'close');
  if (code === 0) return stdout().trim();
  // Docker's builder tells on stdout which step failed, debootstrap what is wrong.
  const words = `${stdout()}\n${stderr()}`.trim().slice(-lastCharacters);
  throw new Error(`${program} ${args[0] ?? ''} failed with code ${code}.${words === '' ? '' : `\n${words}`}`);
}

function collect(stream: Readable | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}
