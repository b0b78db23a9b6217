import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

const suffix = '.partial';
const version = z.object({ validator: z.string(), total: z.number() });

/** One version of a file on a server: the same validator and length mean the same bytes. */
export type Version = z.infer<typeof version>;

/** A download that is not whole yet. `bytes` are there, from the beginning. Without a version it cannot be continued. */
export type Partial = { readonly path: string; readonly bytes: number; readonly version: Version | undefined };

/** A download that another request may continue. */
export type Resumable = Partial & { readonly version: Version };

/**
 * The unfinished downloads of one URL, in a directory. The name of each follows from its version, so that a file never holds bytes of two:
 * should two processes write one at once, both write the same bytes at the same places.
 */
export class Partials {
  private readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Whatever got furthest, also what another process is writing now. */
  async furthest(): Promise<Partial | undefined> {
    return (await this.all()).sort((a, b) => b.bytes - a.bytes)[0];
  }

  /** The one to continue. */
  async resumable(): Promise<Resumable | undefined> {
    const found = (await this.all()).flatMap(({ version, ...one }) =>
      version && one.bytes > 0 && one.bytes <= version.total ? [{ ...one, version }] : [],
    );
    return found.sort((a, b) => b.bytes - a.bytes)[0];
  }

  /** Where to write this version; without one to a file of its own, which no other download continues. */
  async begin(of: Version | undefined): Promise<Partial> {
    await mkdir(this.directory, { recursive: true });
    const name = of
      ? createHash('sha256')
          .update(JSON.stringify([of.validator, of.total]))
          .digest('hex')
          .slice(0, 32)
      : randomUUID();
    const file = path.join(this.directory, `${name}${suffix}`);
    if (of) await writeFile(`${file}.json`, JSON.stringify(of));
    const bytes = (await stat(file).catch(() => undefined))?.size ?? 0;
    return { path: file, bytes, version: of };
  }

  async discard(partial: Partial): Promise<void> {
    await Promise.all([partial.path, `${partial.path}.json`].map((file) => rm(file, { force: true })));
  }

  /** Removes all: when the file is whole, or before a download of another version. */
  async clear(): Promise<void> {
    await Promise.all((await this.names()).map((name) => rm(path.join(this.directory, name), { force: true })));
  }

  private async all(): Promise<Partial[]> {
    const names = (await this.names()).filter((name) => name.endsWith(suffix));
    const found = await Promise.all(names.map((name) => read(path.join(this.directory, name))));
    return found.flatMap((one) => one ?? []);
  }

  private async names(): Promise<string[]> {
    const names = await readdir(this.directory).catch(() => []); // not made yet: nothing is there
    return names.filter((name) => name.endsWith(suffix) || name.endsWith(`${suffix}.json`));
  }
}

async function read(file: string): Promise<Partial | undefined> {
  const [entry, text] = await Promise.all([stat(file).catch(() => undefined), readFile(`${file}.json`, 'utf8').catch(() => 'null')]);
  if (!entry) return undefined; // finished meanwhile
  return { path: file, bytes: entry.size, version: parse(text) };
}

function parse(text: string): Version | undefined {
  try {
    return version.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // cut off while it was written: then the download begins anew
  }
}
