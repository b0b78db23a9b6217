import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { writePrivateFile } from './private-file.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

const markerName = 'modelfleet-state';
const lockName = 'lock';

/** What scripts need to use a running local mode; written to `connection.json` with mode 0600. */
export type Connection = z.infer<typeof connection>;
const connection = z.object({ gateway: z.string(), apiKey: z.string(), kubeconfig: z.string() }).readonly();

/** The folder that holds all of local mode's state. One process owns it at a time. */
export class StateDir {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Opens the folder, making it when absent, and locks it for this process.
   * Throws when another live process holds it, or when `reset` names a folder that is not a state folder of ours.
   */
  static async open(path: string, { reset = false } = {}): Promise<StateDir> {
    const folder = resolve(path);
    if (reset) await StateDir.remove(folder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const dir = new StateDir(folder);
    await writeFile(dir.file(markerName), 'Local state of Modelfleet. `modelfleet local --reset` empties this folder.\n');
    await dir.lock();
    return dir;
  }

  private static async remove(folder: string): Promise<void> {
    const exists = await stat(folder).catch(() => undefined);
    if (!exists) return;
    const ours = await stat(join(folder, markerName)).catch(() => undefined);
    if (!ours)
      throw new Error(`${folder} is not a state folder of Modelfleet, so --reset leaves it alone. Give another folder with --state.`);
    const holder = await liveHolder(join(folder, lockName));
    if (holder) throw new Error(heldMessage(folder, holder));
    await rm(folder, { recursive: true, force: true });
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async readConnection(): Promise<Connection | undefined> {
    try {
      return connection.parse(JSON.parse(await readFile(this.file('connection.json'), 'utf8')));
    } catch {
      return undefined; // absent or from an interrupted write: it is written anew
    }
  }

  async writeConnection(value: Connection): Promise<void> {
    await writePrivateFile(this.file('connection.json'), `${JSON.stringify(value, null, 2)}\n`);
  }

  async close(): Promise<void> {
    await rm(this.file(lockName), { force: true });
  }

  private async lock(): Promise<void> {
    const path = this.file(lockName);
    for (;;) {
      try {
        const handle = await open(path, 'wx', 0o600);
        const self = await identify(process.pid);
        await handle.writeFile(`${process.pid}\n${self?.started ?? ''}`);
        await handle.close();
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = await liveHolder(path);
      if (holder) throw new Error(heldMessage(this.path, holder));
      await rm(path, { force: true }); // its owner was killed
    }
  }
}

function heldMessage(folder: string, pid: number): string {
  return `Another Modelfleet (process ${pid}) uses ${folder}. Stop it first, or give another folder with --state.`;
}

/** The process id of the lock's owner, unless it is gone or is this process itself. */
async function liveHolder(lockPath: string): Promise<number | undefined> {
  const holder = parseIdentity(await readFile(lockPath, 'utf8').catch(() => ''));
  return holder && holder.pid !== process.pid && (await isAlive(holder)) ? holder.pid : undefined;
}

function parseIdentity(text: string): ProcessIdentity | undefined {
  const [pid, started] = text.split('\n');
  return pid && started ? { pid: Number(pid), started } : undefined;
}
