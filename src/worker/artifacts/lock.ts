import { open, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import { type LockOwner, parseOwner, standing, thisOwner } from './lock-owner.ts';

const touchEveryMs = 2_000;
/** A lock that was not touched for this long has no living owner: many touches, because network file systems and busy machines are late. */
const staleMs = 20_000;
const lookAgainMs = 500;

export type LockOptions = {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called at each look while another holds the lock; `host` is that of the holder, where it is known. */
  readonly onWait: (host: string | undefined) => Promise<void> | void;
};

type Look = { readonly mark: string; readonly touchedAt: number; readonly owner: LockOwner | undefined };

/**
 * Holds a lock file while `work` runs, so that of all processes that share a directory (on one machine or on a network file system)
 * one fetches a file and the others wait. The lock of a dead owner is taken over. In a race two may hold it: work must bear that.
 */
export async function withLock<T>(file: string, { clock, signal, onWait }: LockOptions, work: () => Promise<T>): Promise<T> {
  const me = await thisOwner();
  let first: (Look & { readonly at: number }) | undefined;
  while (!(await tryLock(file, me))) {
    signal.throwIfAborted();
    const look = await lookAt(file);
    if (!look) continue;
    if (first?.mark !== look.mark) first = { ...look, at: clock.now() };
    if (await isAbandoned(look, me, clock.now(), first.at)) {
      const aside = `${file}.${me.id}`;
      await rename(file, aside).catch(ignoreMissing);
      await rm(aside, { force: true });
      continue;
    }
    await onWait(look.owner?.host);
    await clock.sleep(lookAgainMs, signal);
  }
  // A lock that cannot be touched may be taken over, which the work bears; what is wrong with the disk the work itself will meet.
  const touch = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => undefined), touchEveryMs);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    // Not the lock of one who took over.
    if ((await lookAt(file))?.owner?.id === me.id) await rm(file, { force: true });
  }
}

async function tryLock(file: string, me: LockOwner): Promise<boolean> {
  try {
    await writeFile(file, JSON.stringify(me), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined when the lock is gone. It is opened because network file systems answer `stat` from memory, and `open` from the server. */
async function lookAt(file: string): Promise<Look | undefined> {
  const handle = await open(file).catch(ignoreMissing);
  if (!handle) return undefined;
  try {
    const { mtimeMs } = await handle.stat();
    const text = await readFile(handle, 'utf8');
    return { mark: `${mtimeMs} ${text}`, touchedAt: mtimeMs, owner: parseOwner(text) };
  } finally {
    await handle.close();
  }
}

/**
 * Whether nobody holds the lock any more. A process of the same container is looked up. On the same machine the clock is the same, so the age tells:
 * that is a container that was started again, with the host name and the process number of its dead predecessor.
 * Clocks of other machines are not compared: what did not change while we watched is abandoned.
 */
async function isAbandoned({ owner, touchedAt }: Look, me: LockOwner, now: number, unchangedSince: number): Promise<boolean> {
  if (now - unchangedSince > staleMs) return true;
  if (!owner || owner.boot !== me.boot) return false;
  const known = await standing(owner, me);
  return known === 'unknown' ? now - touchedAt > staleMs : known === 'dead';
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
