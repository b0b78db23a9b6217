import { constants, existsSync } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../core/failure.ts';
import { verifyChecksums } from './checksums.ts';
import { type PathMap, resolvePath } from './path-map.ts';
import type { ArtifactFile, FetchReporter, FetchRequest, Source } from './source.ts';

/** `file://`: a file or a directory that is mounted into the pod. Nothing is copied. */
export class FileSource implements Source {
  private readonly uri: string;
  /** Where it should be, the likeliest first. */
  private readonly places: readonly [string, ...string[]];

  constructor(url: URL, pathMap: PathMap) {
    if (url.host !== '')
      throw new Failure(
        'SourceNotFound',
        `${url.href} names the host "${url.host}"; a local path has three slashes: file:///models/x.gguf.`,
      );
    this.uri = url.href;
    const own = fileURLToPath(url);
    // A local process sees the whole machine: what its mounts do not hold may be there under its own name.
    this.places = [resolvePath(pathMap, own), own];
  }

  async fetch({ patterns, checksums }: FetchRequest, report: FetchReporter, signal: AbortSignal): Promise<readonly ArtifactFile[]> {
    const files = await this.find(patterns);
    await verifyChecksums(files, checksums, report.verified, signal);
    return files;
  }

  private async find(patterns: readonly string[]): Promise<readonly ArtifactFile[]> {
    const root = this.places.find((place) => existsSync(place)) ?? this.places[0];
    const entry = await this.guard(root, () => stat(root));
    if (!entry.isDirectory()) return [await this.file(path.basename(root), root)];
    const names = await this.guard(root, () => readdir(root, { recursive: true }));
    const wanted = names.filter((name) => patterns.length === 0 || patterns.some((pattern) => path.matchesGlob(name, pattern))).sort();
    const files = await Promise.all(
      wanted.map(async (name) => ({ name, full: path.join(root, name), entry: await stat(path.join(root, name)) })),
    );
    const found = await Promise.all(files.filter((file) => file.entry.isFile()).map((file) => this.file(file.name, file.full)));
    if (found.length === 0)
      throw new Failure('SourceNotFound', `${this.uri} (${root}) holds no file that matches ${patterns.join(', ') || '*'}.`);
    return found;
  }

  private async file(name: string, full: string): Promise<ArtifactFile> {
    await this.guard(full, () => access(full, constants.R_OK));
    return { name, path: full, bytes: (await stat(full)).size };
  }

  private async guard<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const where = what === fileURLToPath(this.uri) ? this.uri : `${this.uri} (${what})`;
      if (code === 'ENOENT' || code === 'ENOTDIR') throw new Failure('SourceNotFound', `There is nothing at ${where}.`, { cause: error });
      if (code === 'EACCES' || code === 'EPERM')
        throw new Failure('SourceUnauthorized', `The worker may not read ${where}.`, { cause: error });
      throw new Failure('SourceUnreachable', `Reading ${where} failed (${code ?? 'unknown error'}).`, { cause: error });
    }
  }
}
