import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Clock } from '../../../core/clock.ts';

const touchEveryMs = 5_000;
/** A lock that was not touched for this long has no living owner. */
const staleMs = 30_000;
const lookAgainMs = 250;

/**
 * Holds a lock file while `work` runs, so that two pulls do not download the same file twice. `onWait` is called once when another holds it.
 * The lock of a dead owner is taken over. In a race two may hold it: that costs a second download, nothing else, because files are renamed into place.
 */
export async function withLock<T>(file: string, clock: Clock, signal: AbortSignal, onWait: () => void, work: () => Promise<T>): Promise<T> {
  for (let waited = false; !(await tryLock(file)); ) {
    if (await isStale(file, clock)) {
      const aside = `${file}.${process.pid}.stale`;
      await rename(file, aside).catch(ignoreMissing);
      await rm(aside, { force: true });
      continue;
    }
    if (!waited) onWait();
    waited = true;
    await clock.sleep(lookAgainMs, signal);
  }
  const touch = setInterval(() => void utimes(file, new Date(), new Date()).catch(ignoreMissing), touchEveryMs);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    await rm(file, { force: true });
  }
}

async function tryLock(file: string): Promise<boolean> {
  try {
    await writeFile(file, `${hostname()} ${process.pid}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(file: string, clock: Clock): Promise<boolean> {
  const [entry, text] = await Promise.all([stat(file).catch(ignoreMissing), readFile(file, 'utf8').catch(() => '')]);
  if (!entry) return false;
  if (clock.now() - entry.mtimeMs > staleMs) return true;
  const [host, pid] = text.trim().split(' ');
  return host === hostname() && pid !== undefined && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
