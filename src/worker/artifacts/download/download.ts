import { constants, existsSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import type { Clock, Random } from '../../../core/clock.ts';
import { formatDuration } from '../../../core/durations.ts';
import { describeError, Failure } from '../../../core/failure.ts';
import { checkRoom, diskFailure } from '../disk.ts';
import { Interrupted, networkFailure, statusFailure, titleOf } from './failures.ts';
import type { Answer, HttpClient } from './http-client.ts';
import { type Partial, Partials, type Resumable, type Version } from './partials.ts';
import { extentOf, header, retryAfterMs, strongValidator, type Validators, validatorsOf } from './response.ts';

/** Tries in a row that get no further than the best before, until the failure is told. */
const fruitlessTries = 5;
const firstBackOffMs = 1_000;
const longestBackOffMs = 30_000;

export type DownloadOptions = {
  readonly client: HttpClient;
  /** Where the file lies until it is whole; kept when the download fails, and continued by the next. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random?: Random;
  /** `bytesTotal` is null when the server does not tell. Goes back when the download must begin anew. */
  readonly onBytes: (bytesDone: number, bytesTotal: number | null) => void;
  /** That another try is waited for; null when it begins. */
  readonly onRemark: (message: string | null) => void;
};

/** A whole file, still under its temporary name: rename it to where it belongs. */
export type Downloaded = { readonly path: string; readonly bytes: number; readonly validators: Validators };

/**
 * Downloads the file at `url`. Connections that break are taken up where they broke if the file is still the same (Range, If-Range),
 * again and again as long as that gets further. Throws a Failure.
 */
export async function download(url: URL, options: DownloadOptions, signal: AbortSignal): Promise<Downloaded> {
  const { clock, random = Math.random, onRemark } = options;
  const partials = new Partials(options.directory);
  let reached = 0;
  for (let fruitless = 0; ; ) {
    let got = 0;
    try {
      return await attempt(url, partials, options, signal, (bytes) => {
        got = bytes;
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Interrupted)) throw error;
      fruitless = got > reached ? 0 : fruitless + 1;
      reached = Math.max(reached, got);
      if (fruitless >= fruitlessTries) throw error.failure;
      const backOffMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** fruitless) * (0.5 + random() / 2);
      const waitMs = Math.max(error.retryAfterMs, backOffMs);
      onRemark(`${error.message} Trying again in ${formatDuration(Math.ceil(waitMs / 1000) * 1000)}.`);
      await clock.sleep(waitMs, signal);
      onRemark(null);
    }
  }
}

/** Moves a whole file to where it belongs. Another process that fetched the same one may have been first. */
export async function keep({ path }: Downloaded, target: string): Promise<void> {
  try {
    await rename(path, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || !existsSync(target)) throw error;
  }
}

/** One request. `onReached` gets how far the file is. */
async function attempt(
  url: URL,
  partials: Partials,
  { client, directory, clock, onBytes, onRemark }: DownloadOptions,
  signal: AbortSignal,
  onReached: (bytes: number) => void,
): Promise<Downloaded> {
  const title = titleOf(url);
  const begun = await partials.resumable();
  if (!begun) await partials.clear();
  const response = await client.get(url, begun ? { range: `bytes=${nextByte(begun)}-`, 'if-range': begun.version.validator } : {}, signal);
  try {
    const { statusCode, headers } = response;
    if (statusCode === 416) await partials.clear();
    if (statusCode !== 200 && statusCode !== 206) throw statusFailure(statusCode, title, retryAfterMs(headers, clock.now()));
    const { from, total } = await placeOf(response, begun, partials, title);
    const partial = from > 0 && begun ? begun : await onDisk(directory, () => partials.begin(versionOf(headers, total)));
    if (begun && begun.path !== partial.path) {
      onRemark(`${title} has changed; the download began anew.`);
      await partials.discard(begun);
    }
    if (total !== null) await checkRoom(directory, total - partial.bytes);
    onBytes(from, total);
    const bytes = await write(partial, from, response, title, signal, (done) => {
      onReached(done);
      onBytes(done, total);
    });
    if (total !== null && bytes !== total) throw shortfall(title, bytes, total);
    return await finish({ path: partial.path, bytes, validators: validatorsOf(headers) }, title);
  } finally {
    response.body.destroy();
  }
}

/** Where in the file the body begins. What does not fit to what is there ends that download, and the next try begins anew. */
async function placeOf(
  response: Answer,
  begun: Resumable | undefined,
  partials: Partials,
  title: string,
): Promise<{ from: number; total: number | null }> {
  const encoding = header(response.headers, 'content-encoding') ?? 'identity';
  if (encoding !== 'identity')
    throw new Failure('UnsupportedModel', `${title}: the server compresses the file (${encoding}); serve it as it is.`);
  const extent = extentOf(response);
  if (response.statusCode !== 206) return { from: 0, total: extent?.total ?? null };
  const etag = header(response.headers, 'etag');
  const fits =
    extent?.from === (begun && nextByte(begun)) &&
    extent?.total === begun?.version.total &&
    (etag === undefined || !begun?.version.validator.startsWith('"') || etag === begun.version.validator);
  if (extent && fits && begun) return extent;
  await partials.clear();
  throw new Interrupted(new Failure('SourceUnreachable', `${title}: the server sent other bytes than those asked for.`));
}

/** Where to go on. The last byte of what is complete is asked for again: the answer tells whether it is still the file. */
function nextByte({ bytes, version }: Resumable): number {
  return Math.min(bytes, version.total - 1);
}

/** Undefined when the download could not be continued: a weak or no validator, or no length. */
function versionOf(headers: Answer['headers'], total: number | null): Version | undefined {
  const validator = strongValidator(headers);
  return validator === undefined || total === null ? undefined : { validator, total };
}

/** Writes the body from `from` on, piece by piece, so that an interruption keeps all that came. Returns the end. */
async function write(
  partial: Partial,
  from: number,
  { body }: Answer,
  title: string,
  signal: AbortSignal,
  onWritten: (bytes: number) => void,
): Promise<number> {
  // Neither appended nor cut: another process may write the same bytes to the same places.
  const file = await onDisk(partial.path, () => open(partial.path, constants.O_WRONLY | constants.O_CREAT));
  let position = from;
  try {
    for await (const batch of body.batches()) {
      position = await onDisk(partial.path, () => writeAll(file, batch, position));
      onWritten(position);
    }
    return position;
  } catch (error) {
    signal.throwIfAborted();
    throw networkFailure(error, title);
  } finally {
    await file.close();
  }
}

/** Returns the position after the batch. */
async function writeAll(file: FileHandle, batch: readonly Buffer[], from: number): Promise<number> {
  const end = batch.reduce((sum, piece) => sum + piece.length, from);
  const { bytesWritten } = await file.writev(batch, from);
  // A disk that is nearly full takes a part; asked again it says why.
  for (let at = from + bytesWritten; at < end; ) at += (await file.write(Buffer.concat(batch), at - from, end - at, at)).bytesWritten;
  return end;
}

/** The file is whole: it must reach the disk before its name says so. */
async function finish(downloaded: Downloaded, title: string): Promise<Downloaded> {
  if (downloaded.bytes === 0) throw new Failure('SourceNotFound', `${title}: the file is empty.`);
  await onDisk(downloaded.path, async () => {
    await using file = await open(downloaded.path, 'r+');
    await file.sync();
  });
  return downloaded;
}

async function onDisk<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw (
      diskFailure(error, file) ?? new Failure('CacheNotWritable', `${file} cannot be written: ${describeError(error)}.`, { cause: error })
    );
  }
}

function shortfall(title: string, bytes: number, total: number): Interrupted {
  return new Interrupted(new Failure('SourceUnreachable', `${title}: the connection ended after ${bytes} of ${total} bytes.`));
}
