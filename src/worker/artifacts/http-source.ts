import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { Failure } from '../../core/failure.ts';
import { sha256 } from './checksums.ts';
import { recordDigest, recordedDigest } from './digest-record.ts';
import { diskFailure, makeDirectory } from './disk.ts';
import { type Downloaded, download, keep } from './download/download.ts';
import { Interrupted, titleOf } from './download/failures.ts';
import { HttpClient } from './download/http-client.ts';
import { Partials } from './download/partials.ts';
import { header, validatorsOf } from './download/response.ts';
import { checkGguf } from './gguf.ts';
import { withLock } from './lock.ts';
import type { ArtifactFile, Checksums, FetchReporter, FetchRequest, Source } from './source.ts';
import { type CachedVersion, UrlCache } from './url-cache.ts';

export type HttpSourceOptions = {
  readonly cacheDir: string;
  readonly clock: Clock;
  /** Sent to the host of the URL. */
  readonly token?: string | undefined;
};

/** How long a server may take to say whether a file that is in the cache has changed. */
const revalidationMs = 5_000;

/**
 * `http://` and `https://`: one GGUF file, fetched into the cache once for all replicas that share it.
 * With a pinned checksum the file is kept under its digest, and the server is not asked once it is there; without, under its URL and version.
 */
export class HttpSource implements Source {
  private readonly url: URL;
  private readonly title: string;
  private readonly name: string;
  private readonly options: HttpSourceOptions;

  constructor(url: URL, options: HttpSourceOptions) {
    this.url = url;
    this.title = titleOf(url);
    this.name = decodeName(url);
    this.options = options;
  }

  async fetch({ patterns, checksums }: FetchRequest, report: FetchReporter, signal: AbortSignal): Promise<readonly ArtifactFile[]> {
    const pin = this.check(patterns, checksums);
    await using client = new HttpClient({ token: this.options.token });
    const call = { client, report, signal };
    const found = pin === undefined ? await this.fetchVersion(call) : await this.fetchPinned(pin, call);
    return [{ name: this.name, ...found }];
  }

  /** The pinned digest in hex, if there is one. */
  private check(patterns: readonly string[], checksums: Checksums): string | undefined {
    if (this.url.username !== '' || this.url.password !== '')
      throw new Failure('SourceUnauthorized', `${this.title}: no credentials in the URL; put MODEL_SOURCE_TOKEN into the Secret.`);
    if (patterns.length > 0)
      throw new Failure('SourceNotFound', `${this.title} names one file: leave spec.model.files (--file ${patterns.join(', ')}) out.`);
    if (!this.name.endsWith('.gguf'))
      throw new Failure('UnsupportedModel', `${this.title} does not name a .gguf file, which the engine llama needs.`);
    if (/-\d{5}-of-\d{5}\.gguf$/.test(this.name) && !this.name.endsWith('-00001-of-00001.gguf'))
      throw new Failure('UnsupportedModel', `${this.title} is one part of a split model: join the parts, or serve them from a volume.`);
    const stranger = Object.keys(checksums).find((file) => file !== this.name);
    if (stranger !== undefined)
      throw new Failure('SourceNotFound', `A checksum is pinned for ${stranger}, but the source has only ${this.name}.`);
    return checksums[this.name]?.replace(/^sha256:/, '');
  }

  private async fetchPinned(digest: string, call: Call): Promise<Found> {
    const directory = path.join(this.options.cacheDir, `sha256-${digest}`);
    const file = path.join(directory, 'model.gguf');
    const isVerified = async () => (await recordedDigest(file)) === digest;
    if (await isVerified()) return await found(file);
    return await this.alone(directory, call, async () => {
      if (await isVerified()) return await found(file);
      // A file that came by other means, or was touched, needs only a look.
      if ((await digestOf(file, call.report.fetched, call.signal)) !== digest) {
        const downloaded = await this.download(directory, call);
        const actual = await digestOf(downloaded.path, call.report.verified, call.signal);
        if (actual !== digest) {
          await new Partials(directory).clear();
          throw new Failure('ChecksumMismatch', `${this.title} has sha256:${actual}, but sha256:${digest} is pinned; it was discarded.`);
        }
        await this.whole(downloaded, directory);
        await keep(downloaded, file);
        await new Partials(directory).clear();
      }
      await recordDigest(file, digest);
      return await found(file);
    });
  }

  private async fetchVersion(call: Call): Promise<Found> {
    const cache = new UrlCache(this.options.cacheDir, this.url);
    const cached = await cache.current();
    if (cached && !(await this.hasChanged(cached, call))) return cached;
    return await this.alone(cache.directory, call, async () => {
      const current = await cache.current();
      if (current && current.file !== cached?.file) return current; // another replica has just fetched it
      let downloaded: Downloaded;
      try {
        downloaded = await this.download(cache.directory, call);
      } catch (error) {
        if (!cached || !(error instanceof Failure && error.reason === 'SourceUnreachable')) throw error;
        call.report.remark(`${error.message} The older file in the cache is used.`);
        return cached;
      }
      await this.whole(downloaded, cache.directory);
      const published = await cache.publish(downloaded);
      await new Partials(cache.directory).clear();
      return published;
    });
  }

  /** Asks the server whether the file in the cache is still its file. A server that cannot tell is no reason to do without. */
  private async hasChanged(cached: CachedVersion, { client, report, signal }: Call): Promise<boolean> {
    const condition = cached.etag ? { 'if-none-match': cached.etag } : cached.lastModified && { 'if-modified-since': cached.lastModified };
    try {
      const response = await client.get(this.url, condition || {}, AbortSignal.any([signal, AbortSignal.timeout(revalidationMs)]));
      response.body.destroy();
      if (response.statusCode === 304) return false;
      if (response.statusCode === 200) return !isSame(cached, response.headers);
      report.remark(`${this.title}: the server answered ${response.statusCode} when asked for changes; the file in the cache is used.`);
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Failure || error instanceof Interrupted ? error.message : `${this.title} did not answer in time.`;
      report.remark(`${why} The file in the cache is used.`);
    }
    return false;
  }

  /** Runs `work` while no other replica that shares the cache works in `directory`; meanwhile shows how far the other is. */
  private async alone<T>(directory: string, { report, signal }: Call, work: () => Promise<T>): Promise<T> {
    const { clock } = this.options;
    const onWait = async (host: string | undefined) => {
      report.remark(`Waits for the replica ${host ?? 'of another host'}, which fetches the same file into the shared cache.`);
      const other = await new Partials(directory).furthest();
      if (other) report.fetched(other.bytes, other.version?.total ?? null);
    };
    try {
      await makeDirectory(directory);
      return await withLock(path.join(directory, 'lock'), { clock, signal, onWait }, () => {
        report.remark(null);
        return work();
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof Failure ? error : (diskFailure(error, this.options.cacheDir) ?? error);
    }
  }

  private download(directory: string, { client, report, signal }: Call): Promise<Downloaded> {
    const { clock } = this.options;
    return download(this.url, { client, directory, clock, onBytes: report.fetched, onRemark: report.remark }, signal);
  }

  /** What is no whole model does not get a place in the cache: a page that asks for a login is served with 200 too. */
  private async whole(downloaded: Downloaded, directory: string): Promise<void> {
    try {
      await checkGguf(downloaded.path, this.title);
    } catch (error) {
      await new Partials(directory).clear();
      throw error;
    }
  }
}

type Call = { readonly client: HttpClient; readonly report: FetchReporter; readonly signal: AbortSignal };
type Found = Omit<ArtifactFile, 'name'>;

async function found(file: string): Promise<Found> {
  return { path: file, bytes: (await stat(file)).size };
}

/** Undefined when the file is not there. */
async function digestOf(
  file: string,
  onBytes: (bytesDone: number, bytesTotal: number) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const bytes = (await stat(file).catch(() => undefined))?.size;
  if (bytes === undefined) return undefined;
  let done = 0;
  onBytes(0, bytes);
  return await sha256(
    file,
    (more) => {
      done += more;
      onBytes(done, bytes);
    },
    signal,
  );
}

function isSame(cached: CachedVersion, headers: Parameters<typeof validatorsOf>[0]): boolean {
  const { etag, lastModified } = validatorsOf(headers);
  if (etag !== undefined || cached.etag !== undefined) return weak(etag) === weak(cached.etag);
  return lastModified === cached.lastModified && Number(header(headers, 'content-length')) === cached.bytes;
}

/** ETags are compared weakly where nothing is put together from two answers (RFC 9110, 8.8.3.2). */
function weak(etag: string | undefined): string | undefined {
  return etag?.replace(/^W\//, '');
}

function decodeName({ pathname }: URL): string {
  const name = path.posix.basename(pathname);
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // not percent-encoded UTF-8: then it is its own name
  }
}
