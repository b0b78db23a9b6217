import { statfs } from 'node:fs/promises';
import { Failure } from '../../../core/failure.ts';
import { formatBytes } from '../../../core/sizes.ts';

/** Refuses, before the first byte, what the disk has no room for. Throws a Failure `OutOfDisk`. */
export async function checkRoom(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free < neededBytes)
    throw new Failure('OutOfDisk', `${directory} has ${formatBytes(free)} free, ${formatBytes(neededBytes)} are needed.`);
}

/** The failure that a write error means, or undefined when the disk was not the cause. */
export function diskFailure(error: unknown): Failure | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' ? new Failure('OutOfDisk', 'The disk is full.', { cause: error }) : undefined;
}
