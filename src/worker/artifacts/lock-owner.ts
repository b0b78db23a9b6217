import { randomUUID } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';

const lockOwner = z.object({
  /** Of one holding of the lock. */
  id: z.string(),
  host: z.string(),
  /** The running kernel: equal means the same machine and the same clock. */
  boot: z.string(),
  /** Numbers of processes mean the same within it only: every container has its own, with a process 1. */
  pidNamespace: z.string(),
  pid: z.number(),
  /** When the process began, in ticks since boot: a number that is used again is another process. */
  began: z.string(),
});

/** Who holds a lock: enough for a process on the same machine to tell whether that very process still runs. */
export type LockOwner = z.infer<typeof lockOwner>;

/** This process, as the owner of a lock that it is about to take. */
export async function thisOwner(): Promise<LockOwner> {
  const { pid } = process;
  const host = hostname();
  const [boot, pidNamespace, began] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
      (text) => text.trim(),
      () => host,
    ),
    readlink('/proc/self/ns/pid').catch(() => ''),
    processBegan(pid),
  ]);
  return { id: randomUUID(), host, boot, pidNamespace, pid, began: began ?? '' };
}

/** Reads what a lock file holds; undefined while its owner is still writing it. */
export function parseOwner(text: string): LockOwner | undefined {
  try {
    return lockOwner.parse(JSON.parse(text));
  } catch {
    return undefined; // half written, or not ours: then only its age tells
  }
}

/** Whether the owner runs, as far as `me` can see: 'unknown' for another machine or container, whose processes cannot be seen. */
export async function standing(owner: LockOwner, me: LockOwner): Promise<'alive' | 'dead' | 'unknown'> {
  if (owner.boot !== me.boot || owner.pidNamespace !== me.pidNamespace) return 'unknown';
  const began = await processBegan(owner.pid);
  return began === owner.began ? 'alive' : 'dead';
}

/** Undefined when there is no such process. Where there is no /proc, every process that is there has begun at ''. */
async function processBegan(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold spaces; the 22nd field is the start.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return process.platform === 'linux' || !isThere(pid) ? undefined : '';
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
