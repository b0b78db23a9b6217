import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type Clock, systemClock } from '../../../core/clock.ts';
import { describeError, Failure } from '../../../core/failure.ts';
import { sha256 } from '../checksums.ts';
import { modelCacheDir } from './cache-dir.ts';
import { type CatalogueEntry, findModel } from './catalogue.ts';
import { checkRoom, diskFailure } from './disk.ts';
import { HubOrigin } from './hub-origin.ts';
import { withLock } from './lock.ts';
import type { Origin } from './origin.ts';
import { PipOrigin } from './pip-origin.ts';

/** What a pull is doing. Bytes are of the current stage, null when it has none. */
export type PullProgress = {
  readonly stage: 'waiting' | 'downloading' | 'extracting' | 'verifying';
  /** For people: `from the Python package index`. */
  readonly origin: string | null;
  readonly bytesDone: number | null;
  readonly bytesTotal: number | null;
};

/** `pulled` is false when the file was already there. */
export type PulledModel = {
  readonly name: string;
  readonly file: string;
  readonly path: string;
  readonly bytes: number;
  readonly pulled: boolean;
};

export type PullOptions = {
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal;
  readonly cacheDir?: string;
  readonly clock?: Clock;
  /** Tried in order; for tests. */
  readonly origins?: readonly Origin[];
  readonly entry?: CatalogueEntry;
};

const verified = z.object({ sha256: z.string(), bytes: z.number(), mtimeMs: z.number() });

/**
 * Makes a model of the catalogue available in the cache: verified, renamed into place only when whole. Instant when it is already there.
 * Throws a RangeError for an unknown name, a Failure for everything that can go wrong on the way.
 */
export async function pullModel(name: string, options: PullOptions = {}): Promise<PulledModel> {
  const { cacheDir = modelCacheDir(), clock = systemClock, onProgress = () => undefined } = options;
  const entry = options.entry ?? findModel(name);
  const signal = options.signal ?? new AbortController().signal;
  const target = path.join(cacheDir, entry.file);
  const result = (pulled: boolean): PulledModel => ({ name: entry.name, file: entry.file, path: target, bytes: entry.bytes, pulled });

  if (await isVerified(target, entry)) return result(false);
  await mkdir(cacheDir, { recursive: true }).catch((error: unknown) => {
    throw (
      diskFailure(error) ??
      new Failure('OutOfDisk', `The cache directory ${cacheDir} cannot be made: ${describeError(error)}.`, { cause: error })
    );
  });
  const waiting = () => onProgress({ stage: 'waiting', origin: null, bytesDone: null, bytesTotal: null });
  return await withLock(`${target}.lock`, clock, signal, waiting, async () => {
    // Another pull may have finished meanwhile; and a file that came by other means needs only a look.
    if (await isVerified(target, entry)) return result(false);
    if (await verify(target, entry, onProgress, signal)) {
      await remember(target, entry);
      return result(false);
    }
    await sweep(cacheDir);
    const origins = options.origins ?? [new PipOrigin(), new HubOrigin(path.join(cacheDir, '.partial'))];
    await obtain(entry, target, cacheDir, origins, onProgress, signal);
    return result(true);
  });
}

/** Tries one origin after the other. A full disk or an abort ends it; else the failures of all are told together. */
async function obtain(
  entry: CatalogueEntry,
  target: string,
  cacheDir: string,
  origins: readonly Origin[],
  onProgress: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const failures: Failure[] = [];
  for (const origin of origins) {
    try {
      await checkRoom(cacheDir, origin.room(entry));
      await obtainFrom(origin, entry, target, cacheDir, onProgress, signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Failure)) throw diskFailure(error) ?? error;
      if (error.reason === 'OutOfDisk') throw error;
      failures.push(new Failure(error.reason, `${origin.title}: ${error.message}`, { cause: error.cause }));
    }
  }
  const reason = failures[0]?.reason ?? 'SourceUnreachable';
  throw new Failure(reason, `${entry.name} could not be obtained ${failures.map((failure) => failure.message).join(' Nor ')}`);
}

async function obtainFrom(
  origin: Origin,
  entry: CatalogueEntry,
  target: string,
  cacheDir: string,
  onProgress: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const scratch = await mkdtemp(path.join(cacheDir, '.pull-'));
  try {
    const file = path.join(scratch, entry.file);
    const onStage = (stage: 'downloading' | 'extracting') => (bytesDone: number, bytesTotal: number) =>
      onProgress({ stage, origin: stage === 'downloading' ? origin.title : null, bytesDone, bytesTotal });
    await origin.obtain(entry, file, scratch, onStage, signal);
    if (!(await verify(file, entry, onProgress, signal))) {
      throw new Failure('ChecksumMismatch', `The download is not the expected ${entry.file} (size or sha256 differ); it was discarded.`);
    }
    await rename(file, target);
    await remember(target, entry);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function verify(
  file: string,
  entry: CatalogueEntry,
  onProgress: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found?.size !== entry.bytes) return false;
  let bytesDone = 0;
  const digest = await sha256(
    file,
    (bytes) => {
      bytesDone += bytes;
      onProgress({ stage: 'verifying', origin: null, bytesDone, bytesTotal: entry.bytes });
    },
    signal,
  );
  return digest === entry.sha256;
}

/** The digest is remembered with size and time of the file: as long as those are the same, the bytes need not be read again. */
async function remember(target: string, entry: CatalogueEntry): Promise<void> {
  const { mtimeMs } = await stat(target);
  await writeFile(digestFile(target), JSON.stringify({ sha256: entry.sha256, bytes: entry.bytes, mtimeMs }));
}

/** Whether the file is there and was verified since it last changed. */
export async function isVerified(target: string, entry: CatalogueEntry): Promise<boolean> {
  try {
    const [{ size, mtimeMs }, text] = await Promise.all([stat(target), readFile(digestFile(target), 'utf8')]);
    const known = verified.safeParse(JSON.parse(text)).data;
    return known?.sha256 === entry.sha256 && known.bytes === size && size === entry.bytes && known.mtimeMs === mtimeMs;
  } catch {
    return false; // not there, or not remembered: `pullModel` looks at the bytes
  }
}

function digestFile(target: string): string {
  return path.join(path.dirname(target), `.${path.basename(target)}.verified.json`);
}

/** Removes what a killed pull has left behind. */
async function sweep(cacheDir: string): Promise<void> {
  const left = (await readdir(cacheDir)).filter((name) => name.startsWith('.pull-'));
  await Promise.all(left.map((name) => rm(path.join(cacheDir, name), { recursive: true, force: true })));
}
