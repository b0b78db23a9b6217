import { rename } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../../../core/clock.ts';
import { download } from '../download/download.ts';
import { HttpClient } from '../download/http-client.ts';
import type { CatalogueEntry } from './catalogue.ts';
import type { OnBytes, Origin } from './origin.ts';

/** Downloads the file over https. An interrupted download is continued by the next one, if the file is still the same. */
export class HubOrigin implements Origin {
  readonly title = 'from the model hub';
  private readonly partials: string;
  private readonly clock: Clock;

  /** `partials`: where unfinished downloads are kept. */
  constructor(partials: string, clock: Clock = systemClock) {
    this.partials = partials;
    this.clock = clock;
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
    await using client = new HttpClient();
    const onBytes = onStage('downloading');
    const file = await download(
      new URL(entry.url),
      {
        client,
        directory: path.join(this.partials, entry.file),
        clock: this.clock,
        onBytes: (done) => onBytes(Math.min(done, entry.bytes), entry.bytes),
        onRemark: () => undefined,
      },
      signal,
    );
    await rename(file.path, target);
  }
}
