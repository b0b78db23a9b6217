import { glob, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { identify, isAlive, type ProcessIdentity } from '../process-identity.ts';
import { killGroup } from './process.ts';

const recordName = 'process.json';
const pollMs = 20;
const killTimeoutMs = 10_000;

/** Notes which process runs in a container's folder, so that a later kubelet can tell it from another with the same id. */
export async function recordProcess(folder: string, pid: number): Promise<void> {
  const identity = await identify(pid);
  if (identity) await writeFile(join(folder, recordName), JSON.stringify(identity), { mode: 0o600 });
}

export async function forgetProcess(folder: string): Promise<void> {
  await rm(join(folder, recordName), { force: true });
}

/** Kills what a former kubelet left running under `podsFolder`, and resolves when it is gone. Rejects when a process cannot be killed. */
export async function reapLeftovers(podsFolder: string, { clock, logger }: { clock: Clock; logger: Logger }): Promise<void> {
  for await (const path of glob(`*/*/${recordName}`, { cwd: podsFolder })) {
    const file = join(podsFolder, path);
    const identity = parse(await readFile(file, 'utf8'));
    if (identity && (await isAlive(identity))) {
      logger.warn({ pid: identity.pid }, 'ending a container process of a former run');
      killGroup(identity.pid, 'SIGKILL');
      const deadline = clock.now() + killTimeoutMs;
      while (await isAlive(identity)) {
        if (clock.now() > deadline) throw new Error(`Process ${identity.pid} of a former run does not end. End it, then start again.`);
        await clock.sleep(pollMs);
      }
    }
    await rm(file, { force: true });
  }
}

function parse(text: string): ProcessIdentity | undefined {
  try {
    const { pid, started } = JSON.parse(text) as Partial<ProcessIdentity>;
    return typeof pid === 'number' && pid > 1 && typeof started === 'string' ? { pid, started } : undefined;
  } catch {
    return undefined; // half written when the machine stopped: nothing of it can run
  }
}
