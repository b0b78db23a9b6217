import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { containerdSocket } from './containerd.ts';
import { socketsFolder } from './folders.ts';
import { startTimeOf } from './processes.ts';

/**
 * Ends all containers of the node without asking anyone: they outlive containerd, so this works whatever state the cluster is in.
 * Each pod hangs on one shim, which knows our containerd by its socket.
 */
export async function killContainers(): Promise<void> {
  const shims = (await processTable()).filter(({ command }) => command.includes('containerd-shim') && command.includes(containerdSocket));
  for (const { pid } of shims) await killTree(pid);
  // A shim that is killed leaves its socket, in a folder that it shares with the shims of others.
  const tasks = join(socketsFolder, 'io.containerd.runtime.v2.task', 'k8s.io');
  for (const task of existsSync(tasks) ? await readdir(tasks) : []) {
    const address = await readFile(join(tasks, task, 'address'), 'utf8').catch(() => '');
    if (address.startsWith('unix://')) await rm(address.slice('unix://'.length), { force: true });
  }
}

type Process = { readonly pid: number; readonly parent: number; readonly command: string };

async function killTree(root: number): Promise<void> {
  const pids = new Set([root]);
  // A shim that is stopped adopts nobody new while its tree is read.
  signal(root, 'SIGSTOP');
  const all = await processTable();
  for (let before = 0; before !== pids.size; ) {
    before = pids.size;
    for (const { pid, parent } of all) if (pids.has(parent)) pids.add(pid);
  }
  for (const pid of pids) signal(pid, 'SIGKILL');
  for (const pid of pids) {
    for (let tries = 0; (await startTimeOf(pid)) !== undefined; tries++) {
      if (tries > 200) throw new Error(`process ${pid} of a container does not end, not even killed`);
      await sleep(25);
    }
  }
}

async function processTable(): Promise<readonly Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(readProcess));
  return found.filter((process) => process !== undefined);
}

/** A process may end while it is looked at; then there is nothing to read. */
async function readProcess(pid: number): Promise<Process | undefined> {
  const [status, command] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined),
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
  ]);
  const parent = status?.slice(status.lastIndexOf(')') + 2).split(' ')[1];
  return parent === undefined ? undefined : { pid, parent: Number(parent), command: command.replaceAll('\0', ' ') };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It went by itself.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
