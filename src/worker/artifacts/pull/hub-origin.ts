import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describeError, Failure } from '../../../core/failure.ts';
import type { CatalogueEntry } from './catalogue.ts';
import { diskFailure } from './disk.ts';
import type { OnBytes, Origin } from './origin.ts';

/** Time without a byte after which a download counts as dead. */
const silenceMs = 30_000;

type Partial = { readonly bytes: number; readonly etag: string };

/** Downloads the file over https. An interrupted download is continued by the next one, if the file is still the same (ETag). */
export class HubOrigin implements Origin {
  readonly title = 'from the model hub';
  private readonly partials: string;

  /** `partials`: where unfinished downloads are kept. */
  constructor(partials: string) {
    this.partials = partials;
  }

  room(entry: CatalogueEntry): number {
    return entry.bytes;
  }

  async obtain(
    entry: CatalogueEntry,
    target: string,
    _scratch: string,
    onStage: (stage: 'downloading' | 'extracting') => OnBytes,
    signal: AbortSignal,
  ): Promise<void> {
    await mkdir(this.partials, { recursive: true });
    const partial = path.join(this.partials, entry.file);
    const begun = await this.begun(partial);
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error(`no byte came for ${silenceMs / 1000} s`)), silenceMs);
    const both = AbortSignal.any([signal, silence.signal]);
    try {
      const response = await fetch(entry.url, {
        signal: both,
        headers: begun ? { range: `bytes=${begun.bytes}-`, 'if-range': begun.etag } : {},
      });
      const from = response.status === 206 && begun ? begun.bytes : 0;
      // What is kept is not the beginning of this file, or all of it: the next download begins anew.
      if (response.status === 416) await rm(partial, { force: true });
      if (!response.ok || !response.body) throw statusFailure(response.status, entry.url);
      await writeFile(`${partial}.etag`, response.headers.get('etag') ?? '');
      const onBytes = onStage('downloading');
      let done = from;
      // Written piece by piece, so that an interruption keeps all that came.
      await using file = await open(partial, from > 0 ? 'a' : 'w');
      for await (const chunk of response.body) {
        timer.refresh();
        await file.write(chunk);
        done += chunk.length;
        onBytes(Math.min(done, entry.bytes), entry.bytes);
      }
      await rename(partial, target);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Failure) throw error;
      throw (
        diskFailure(error) ??
        new Failure('SourceUnreachable', `${new URL(entry.url).host} does not answer: ${describeError(silence.signal.reason ?? error)}.`, {
          cause: error,
        })
      );
    } finally {
      clearTimeout(timer);
    }
  }

  private async begun(partial: string): Promise<Partial | undefined> {
    const [entry, etag] = await Promise.all([stat(partial).catch(() => undefined), readFile(`${partial}.etag`, 'utf8').catch(() => '')]);
    // A weak ETag does not promise the same bytes, so it is no base for a range.
    return entry && entry.size > 0 && etag !== '' && !etag.startsWith('W/') ? { bytes: entry.size, etag } : undefined;
  }
}

function statusFailure(status: number, url: string): Failure {
  const reason =
    status === 401 || status === 403
      ? 'SourceUnauthorized'
      : status === 404
        ? 'SourceNotFound'
        : status === 429
          ? 'SourceRateLimited'
          : 'SourceUnreachable';
  return new Failure(reason, `${new URL(url).host} answered ${status} for ${path.posix.basename(url)}.`);
}
