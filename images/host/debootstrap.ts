import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunOptions, run } from './run.ts';

const suite = 'bookworm';

/** The Debian that this makes where no registry can be reached. */
export const madeBase = `modelfleet/debian:${suite}-minbase`;

const sources = [
  `deb http://deb.debian.org/debian ${suite} main`,
  `deb http://deb.debian.org/debian ${suite}-updates main`,
  `deb http://deb.debian.org/debian-security ${suite}-security main`,
];
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
    await writeFile(join(directory, 'etc/apt/sources.list'), `${sources.join('\n')}\n`);
    const archive =
      'set -e; tar --numeric-owner --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -C "$0" -c . | docker import - "$1"';
    await run('bash', ['-o', 'pipefail', '-c', archive, directory, madeBase], options);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
