import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunOptions, run } from './run.ts';

const suite = 'bookworm';

/** The Debian that this makes where no registry can be reached. */
export const madeBase = `modelfleet/debian:${suite}-minbase`;

/** All that a Dockerfile would have to install otherwise. */
const packages = ['ca-certificates', 'tzdata'];

/** Makes a small Debian in the Docker engine. Throws an Error that says what it needs. */
export async function makeBase(options: RunOptions): Promise<void> {
  const remedy = 'Install it (apt-get install debootstrap) and run as root, or name an image that the engine has with --base.';
  if (process.getuid?.() !== 0) throw new Error(`Without a registry the base image is made by debootstrap, which needs root. ${remedy}`);
  const directory = await mkdtemp(join(tmpdir(), 'modelfleet-base-'));
  try {
    // The PATH of a user's session may lack it.
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    await run('debootstrap', ['--variant=minbase', `--include=${packages}`, suite, directory], { ...options, env }).catch(
      (error: Error) => {
        throw new Error(`The base image could not be made. ${error.message}\n${remedy}`, { cause: error });
      },
    );
    const list = join(directory, 'etc/apt/sources.list');
    await writeFile(list, withUpdates(await readFile(list, 'utf8')));
    const archive =
      'set -e; tar --numeric-owner --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -C "$0" -c . | docker import - "$1"';
    await run('bash', ['-o', 'pipefail', '-c', archive, directory, madeBase], options);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What debootstrap wrote names its mirror and the suite alone; an image also wants what was mended since. */
export function withUpdates(sourcesList: string): string {
  const [, mirror] = /^deb (\S+) /m.exec(sourcesList) ?? [];
  if (mirror === undefined) throw new Error(`debootstrap left no source of packages in sources.list: "${sourcesList.trim()}"`);
  return [`deb ${mirror} ${suite} main`, `deb ${mirror} ${suite}-updates main`, `deb ${mirror}-security ${suite}-security main`, ''].join(
    '\n',
  );
}
