import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A process that can be told from a later one with the same id: `started` is an opaque stamp of its start. */
export type ProcessIdentity = { readonly pid: number; readonly started: string };

/** The identity of a live process, or undefined when there is none. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const started = (await startedByProc(pid)) ?? (process.platform === 'linux' ? undefined : await startedByPs(pid));
  return started === undefined ? undefined : { pid, started };
}

/** Whether that very process still runs. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.started === identity.started;
}

/** Field 22 of /proc/PID/stat is the start in clock ticks since boot; the name in field 2 may hold spaces and brackets (proc(5)). A zombie is not alive. */
async function startedByProc(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}

async function startedByPs(pid: number): Promise<string | undefined> {
  const result = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => undefined);
  return result?.stdout.trim() || undefined;
}
