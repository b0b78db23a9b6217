import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tell } from './binaries.ts';
import { type ControlPlaneTuning, onFreePorts, startControlPlane, waitForServiceAccounts } from './control-plane.ts';
import { Processes, startTimeOf } from './processes.ts';

const prefix = 'modelfleet-control-plane-';
type Owner = { readonly pid: number; readonly startTime: string | undefined };

/** Starts a control plane in a folder. A start that fails leaves nothing behind. */
export async function startControlPlaneIn(folder: string, tell: Tell, tuning: ControlPlaneTuning = {}): Promise<void> {
  const processes = new Processes(folder);
  try {
    const access = await startControlPlane(processes, { ...(await onFreePorts(folder)), ...tuning }, tell);
    await waitForServiceAccounts(processes, access);
  } catch (error) {
    await removeControlPlane(folder);
    throw error;
  }
}

/** Ends a control plane and removes its folder. Answers whether there was one. */
export async function removeControlPlane(folder: string): Promise<boolean> {
  if (!existsSync(folder)) return false;
  const processes = new Processes(folder);
  await Promise.all((await processes.names()).map((name) => processes.stop(name, 0)));
  await rm(folder, { recursive: true, force: true });
  return true;
}

/** A folder for a control plane that belongs to this process. Those of processes that ended without closing theirs are removed. */
export async function makeOwnedFolder(): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    if (name.startsWith(prefix) && (await isOrphan(join(tmpdir(), name)))) await removeControlPlane(join(tmpdir(), name));
  }
  const folder = await mkdtemp(join(tmpdir(), prefix));
  const owner: Owner = { pid: process.pid, startTime: await startTimeOf(process.pid) };
  await writeFile(join(folder, 'owner.json'), JSON.stringify(owner));
  return folder;
}

async function isOrphan(folder: string): Promise<boolean> {
  // Without an owner yet: another process is just making it.
  if (!existsSync(join(folder, 'owner.json'))) return false;
  const owner = JSON.parse(await readFile(join(folder, 'owner.json'), 'utf8')) as Owner;
  return (await startTimeOf(owner.pid)) !== owner.startTime;
}
