import { type RunOptions, run } from './run.ts';

/** Runs a docker command; resolves with what it printed on stdout. Throws an Error with its last words when it fails. */
export function docker(args: readonly string[], options: RunOptions): Promise<string> {
  return run('docker', args, options);
}

/** Whether the engine holds an image. */
export async function hasImage(image: string, options: RunOptions): Promise<boolean> {
  return (await docker(['image', 'ls', '--quiet', image], options)) !== '';
}

/** Gets an image from its registry; false when there is none or it has no such image. */
export async function pull(image: string, options: RunOptions): Promise<boolean> {
  try {
    await docker(['pull', '--quiet', image], options);
    return true;
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof Error && error.message.startsWith('docker pull failed')) return false;
    throw error;
  }
}
