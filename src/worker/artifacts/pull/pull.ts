import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../../../core/clock.ts';
import { Failure } from '../../../core/failure.ts';
import { sha256 } from '../checksums.ts';
import { recordDigest, recordedDigest } from '../digest-record.ts';
import { checkRoom, diskFull, makeDirectory } from '../disk.ts';
import { withLock } from '../lock.ts';
import { modelCacheDir } from './cache-dir.ts';
import { type CatalogueEntry, findModel } from './catalogue.ts';
import { HubOrigin } from './hub-origin.ts';
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
  await makeDirectory(cacheDir);
  const onWait = () => onProgress({ stage: 'waiting', origin: null, bytesDone: null, bytesTotal: null });
  return await withLock(`${target}.lock`, { clock, signal, onWait }, async () => {
    // Another pull may have finished meanwhile; and a file that came by other means needs only a look.
    if (await isVerified(target, entry)) return result(false);
    if (await verify(target, entry, onProgress, signal)) {
      await recordDigest(target, entry.sha256);
      return result(false);
    }
    await sweep(cacheDir);
    const origins = options.origins ?? [new PipOrigin(), new HubOrigin(path.join(cacheDir, '.partial'), clock)];
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
      if (!(error instanceof Failure)) throw diskFull(error, cacheDir) ?? error;
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
    await recordDigest(target, entry.sha256);
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

/** Whether the file is there and was verified since it last changed. */
export async function isVerified(target: string, entry: CatalogueEntry): Promise<boolean> {
  return (await recordedDigest(target)) === entry.sha256;
}

/** Removes what a killed pull has left behind. */
async function sweep(cacheDir: string): Promise<void> {
  const left = (await readdir(cacheDir)).filter((name) => name.startsWith('.pull-'));
  await Promise.all(left.map((name) => rm(path.join(cacheDir, name), { recursive: true, force: true })));
}
