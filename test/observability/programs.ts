import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const missing = ['prometheus', 'promtool'].filter(
  (program) => !(process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program))),
);

/** Whether Prometheus can be run here. */
export const hasPrometheus = missing.length === 0;

/** Why tests with Prometheus are skipped, to stand in their names; empty when they are not. */
export const withoutPrometheus = hasPrometheus ? '' : ` (skipped: ${missing.join(' and ')} not found; Debian's package is prometheus)`;

/** Runs promtool; rejects with what it said when it fails. */
export async function promtool(...argv: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('promtool', argv, { timeout: 20_000 }).catch((error: unknown) => {
    const said = error instanceof Error && 'stdout' in error && 'stderr' in error ? `${error.stdout}${error.stderr}` : '';
    throw new Error(`promtool ${argv.join(' ')}: ${said}`, { cause: error });
  });
  return stdout;
}
