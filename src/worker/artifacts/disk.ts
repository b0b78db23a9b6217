import { constants, existsSync } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { Failure } from '../../core/failure.ts';
import { formatBytes } from '../../core/sizes.ts';

/** Refuses, before the first byte, what the disk has no room for. Throws a Failure `OutOfDisk`. */
export async function checkRoom(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free < neededBytes)
    throw new Failure('OutOfDisk', `${directory} has ${formatBytes(free)} free, ${formatBytes(neededBytes)} are needed.`);
}

/** Makes a directory and those above it. Throws a Failure that says why it cannot be written. */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    let above = directory;
    while (!existsSync(above)) above = path.dirname(above);
    // `mkdir` calls a read-only file system ENOENT; `access` tells the truth.
    const cause = await access(above, constants.W_OK).then(
      () => error,
      (truth: unknown) => truth,
    );
    throw diskFailure(cause, above) ?? new Failure('CacheNotWritable', `${directory} cannot be made.`, { cause });
  }
}

/** The failure that a full disk means, or undefined when it was something else. */
export function diskFull(error: unknown, directory: string): Failure | undefined {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' ? new Failure('OutOfDisk', `${directory} is full.`, { cause: error }) : undefined;
}

/** The failure that an error of the disk under `directory` means, or undefined when the disk was not the cause. For what writes there. */
export function diskFailure(error: unknown, directory: string): Failure | undefined {
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException;
  const why = refusals[code];
  if (!why) return diskFull(error, directory);
  const who = process.getuid ? `user ${process.getuid()}` : 'this user';
  return new Failure('CacheNotWritable', `${directory} cannot be written by ${who}: ${why} (${code}).`, { cause: error });
}

const refusals: Readonly<Record<string, string>> = {
  EROFS: 'it is mounted read-only',
  EACCES: 'its permissions do not allow it',
  EPERM: 'its permissions do not allow it',
  ENOTDIR: 'it is not a directory',
  EEXIST: 'it is not a directory',
  EIO: 'the disk answers with errors',
};
