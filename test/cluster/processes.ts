import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program as it is started, and the name under which it is stopped. */
export type Launch = { readonly name: string; readonly program: string; readonly args: readonly string[] };

type Kept = { readonly pid: number; readonly startTime: string; readonly launch: Launch };

/**
 * Processes that outlive the command which started them. Each has a record in a folder: how it was started, and its pid with the
 * time of its start, so that a later command can stop it, start it again as it was, and never hits a stranger with the same pid.
 */
export class Processes {
  private readonly records: string;
  private readonly logs: string;

  constructor(folder: string) {
    this.records = join(folder, 'processes');
    this.logs = join(folder, 'log');
  }

  async start(launch: Launch): Promise<void> {
    await Promise.all([mkdir(this.records, { recursive: true }), mkdir(this.logs, { recursive: true })]);
    const log = await open(join(this.logs, `${launch.name}.log`), 'a');
    try {
      const child = spawn(launch.program, launch.args, { detached: true, stdio: ['ignore', log.fd, log.fd] });
      const pid = await new Promise<number>((resolve, reject) => {
        child.once('error', (error) => reject(new Error(`cannot start ${launch.name}: ${error.message}`, { cause: error })));
        child.once('spawn', () => resolve(child.pid ?? 0));
      });
      child.unref();
      const kept: Kept = { pid, startTime: (await startTimeOf(pid)) ?? '', launch };
      await writeFile(this.recordOf(launch.name), JSON.stringify(kept));
    } finally {
      await log.close();
    }
  }

  /** Starts again, as it was, what was stopped. Nothing when it runs. */
  async startAgain(name: string): Promise<void> {
    const kept = await this.kept(name);
    if (!kept) throw new Error(`${name} was never started in this cluster`);
    if (!(await runs(kept))) await this.start(kept.launch);
  }

  /** Asks a process to end, insists after the grace time, and waits until it is gone: its ports are free then. */
  async stop(name: string, graceMs: number): Promise<void> {
    const kept = await this.kept(name);
    if (!kept || !(await runs(kept))) return;
    signal(kept.pid, graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
    if (await isGone(kept, graceMs)) return;
    signal(kept.pid, 'SIGKILL');
    if (!(await isGone(kept, 10_000))) throw new Error(`${name} (process ${kept.pid}) does not end, not even killed`);
  }

  async isRunning(name: string): Promise<boolean> {
    const kept = await this.kept(name);
    return kept !== undefined && (await runs(kept));
  }

  /** Everything that was ever started here. */
  async names(): Promise<readonly string[]> {
    if (!existsSync(this.records)) return [];
    return (await readdir(this.records)).map((file) => file.replace(/\.json$/, ''));
  }

  /** The end of a process's log, for the message of a failure. */
  async lastWords(name: string, lines = 15): Promise<string> {
    const path = join(this.logs, `${name}.log`);
    if (!existsSync(path)) return '(no log)';
    return (await readFile(path, 'utf8')).trimEnd().split('\n').slice(-lines).join('\n');
  }

  async forget(): Promise<void> {
    await rm(this.records, { recursive: true, force: true });
  }

  private recordOf(name: string): string {
    return join(this.records, `${name}.json`);
  }

  private async kept(name: string): Promise<Kept | undefined> {
    if (!existsSync(this.recordOf(name))) return undefined;
    return JSON.parse(await readFile(this.recordOf(name), 'utf8')) as Kept;
  }
}

/** The kernel's word for when a process began (proc(5), stat, field 22); undefined once it is gone or a zombie. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name in parentheses may hold anything, so fields count from its end.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' ? undefined : fields?.[19];
}

async function runs({ pid, startTime }: Pick<Kept, 'pid' | 'startTime'>): Promise<boolean> {
  return (await startTimeOf(pid)) === startTime;
}

async function isGone(kept: Kept, timeoutMs: number): Promise<boolean> {
  for (const until = performance.now() + timeoutMs; ; await sleep(50)) {
    if (!(await runs(kept))) return true;
    if (performance.now() > until) return false;
  }
}

/** A process that ends between the look at it and the signal has what was wanted. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
