import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const programs = { prometheus: onPath('prometheus'), promtool: onPath('promtool') };
const missing = Object.entries(programs).flatMap(([name, path]) => (path === undefined ? [name] : []));

/** Whether Prometheus can be run here. */
export const hasPrometheus = missing.length === 0;

/** Why tests with Prometheus are skipped, to stand in their names; empty when they are not. */
export const withoutPrometheus = hasPrometheus ? '' : ` (skipped: ${missing.join(' and ')} not found; Debian's package is prometheus)`;

/** Where a program is; throws when it is not installed. */
export function programPath(name: keyof typeof programs): string {
  const path = programs[name];
  if (path === undefined) throw new Error(`${name} is not installed; Debian's package is prometheus`);
  return path;
}

/** Runs promtool; rejects with what it said when it fails. */
export async function promtool(...argv: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(programPath('promtool'), argv, { timeout: 20_000 }).catch((error: unknown) => {
    const said = error instanceof Error && 'stdout' in error && 'stderr' in error ? `${error.stdout}${error.stderr}` : '';
    throw new Error(`promtool ${argv.join(' ')}: ${said}`, { cause: error });
  });
  return stdout;
}

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
