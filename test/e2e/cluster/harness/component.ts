import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const main = join(import.meta.dirname, '../../../cluster/main.ts');

/** Stops or starts a part of our own cluster, such as its API server. */
export async function clusterComponent(verb: 'stop' | 'start', component: string): Promise<void> {
  await promisify(execFile)(process.execPath, [main, verb, component], { timeout: 240_000 });
}
