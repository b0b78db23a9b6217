import { createHash } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type Downloaded, keep } from './download/download.ts';
import { titleOf } from './download/failures.ts';

const cachedVersion = z.object({
  /** For people who look into the cache: without credentials and query. */
  source: z.string(),
  file: z.string(),
  bytes: z.number(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
});

/** The version of a URL's file that is in the cache. */
export type CachedVersion = z.infer<typeof cachedVersion> & { readonly path: string };

/**
 * What the cache holds of one URL, in a directory of its own: `current.json` names the file of the version that was fetched last.
 * Files of older versions stay, because another replica may have them open.
 */
export class UrlCache {
  readonly directory: string;
  private readonly url: URL;

  constructor(cacheDir: string, url: URL) {
    this.url = url;
    this.directory = path.join(cacheDir, `url-${shortHash(url.href)}`);
  }

  /** Undefined when no whole file is there. */
  async current(): Promise<CachedVersion | undefined> {
    try {
      const known = cachedVersion.parse(JSON.parse(await readFile(this.pointer, 'utf8')));
      const file = path.join(this.directory, path.basename(known.file));
      return (await stat(file)).size === known.bytes ? { ...known, path: file } : undefined;
    } catch {
      return undefined; // not there, or no longer whole: then it is fetched
    }
  }

  /** Puts a whole file in place, then points to it. */
  async publish(downloaded: Downloaded): Promise<CachedVersion> {
    const { bytes, validators } = downloaded;
    const file = `${shortHash(JSON.stringify([validators.etag, validators.lastModified, bytes]))}.gguf`;
    const version = { source: titleOf(this.url), file, bytes, ...validators };
    await keep(downloaded, path.join(this.directory, file));
    await writeFile(`${this.pointer}.new`, JSON.stringify(version));
    await rename(`${this.pointer}.new`, this.pointer);
    return { ...version, path: path.join(this.directory, file) };
  }

  private get pointer(): string {
    return path.join(this.directory, 'current.json');
  }
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 40);
}
