import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export type DockerOptions = {
  readonly signal: AbortSignal;
  /** Shows what the command prints instead of returning it. */
  readonly verbose?: boolean;
};

/** Runs a docker command; resolves with what it printed on stdout. Throws an Error with the end of what it printed on stderr. */
export async function docker(args: readonly string[], { signal, verbose = false }: DockerOptions): Promise<string> {
  const child = spawn('docker', args, { signal, stdio: ['ignore', verbose ? 'inherit' : 'pipe', verbose ? 'inherit' : 'pipe'] });
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
  ]);
  if (code === 0) return stdout.trim();
  // The legacy builder tells on stdout which step failed.
  const words = `${stdout}\n${stderr}`.trim().split('\n').slice(-25).join('\n');
  throw new Error(`docker ${args[0]} failed with code ${code}.${words === '' ? '' : `\n${words}`}`);
}

/** Whether the engine holds an image. */
export async function hasImage(image: string, options: DockerOptions): Promise<boolean> {
  return (await docker(['image', 'ls', '--quiet', image], options)) !== '';
}

/** Gets an image from its registry; false when there is none or it has no such image. */
export async function pull(image: string, { signal }: DockerOptions): Promise<boolean> {
  try {
    await docker(['pull', '--quiet', image], { signal });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && error.message.startsWith('docker pull failed')) return false;
    throw error;
  }
}
