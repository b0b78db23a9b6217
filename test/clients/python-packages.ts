import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../src/core/clock.ts';
import { withLock } from '../../src/worker/artifacts/lock.ts';
import { modelCacheDir } from '../../src/worker/artifacts/pull/cache-dir.ts';

const run = promisify(execFile);
const installMs = 10 * 60_000;

/** Python packages that a test needs: the folder for PYTHONPATH, or why they cannot be had here. */
type PythonPackages = { readonly folder: string; readonly missing?: never } | { readonly missing: string; readonly folder?: never };

/** Installs the packages of `requirements/NAME.txt` with pip, once for each Python and each change of the file, beside the model cache. */
export async function pythonPackages(name: string): Promise<PythonPackages> {
  const requirements = join(import.meta.dirname, 'requirements', `${name}.txt`);
  try {
    const { stdout: python } = await run('python3', ['-c', 'import sys, platform; print(sys.version, platform.platform())']);
    const digest = createHash('sha256')
      .update(python)
      .update(await readFile(requirements));
    const cache = join(dirname(modelCacheDir()), 'test-clients');
    const folder = join(cache, `${name}-${digest.digest('hex').slice(0, 16)}`);
    if (await exists(folder)) return { folder };
    await mkdir(cache, { recursive: true });
    const options = { clock: systemClock, signal: AbortSignal.timeout(installMs), onWait: () => {} };
    await withLock(`${folder}.lock`, options, () => install(requirements, folder, options.signal));
    return { folder };
  } catch (error) {
    return { missing: lastWords(error) };
  }
}

/** Puts the folder in place only when it is whole. Wheels alone: what is installed runs no code of its own meanwhile. */
async function install(requirements: string, folder: string, signal: AbortSignal): Promise<void> {
  if (await exists(folder)) return;
  const scratch = await mkdtemp(`${folder}.`);
  const flags = [
    '--quiet',
    '--no-input',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--retries',
    '2',
    '--timeout',
    '20',
  ];
  try {
    await run('python3', ['-m', 'pip', 'install', ...flags, '--target', scratch, '--requirement', requirements], { signal });
    await rename(scratch, folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}

/** Why it failed, in a line. */
function lastWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOENT') return 'python3 is not installed (Debian: apt-get install python3 python3-pip)';
  const said = 'stderr' in error ? String(error.stderr) : '';
  if (/NewConnectionError|ConnectTimeoutError|name resolution/.test(said)) return 'pip cannot reach a package index';
  return said.split('\n').findLast((line) => line.startsWith('ERROR') || line.includes('No module named')) ?? error.message;
}
