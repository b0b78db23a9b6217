/** A file of a model, as it lies on this machine. `name` is its path within the source. */
export type ArtifactFile = { readonly name: string; readonly path: string; readonly bytes: number };

/** Expected digests by file name: `{"model.gguf": "sha256:<64 hex digits>"}`. */
export type Checksums = Readonly<Record<string, string>>;

/** What is wanted of a source. */
export type FetchRequest = {
  /** Globs of the files; all files of the source when there is none. */
  readonly patterns: readonly string[];
  readonly checksums: Checksums;
};

/** What a source tells while it works: bytes first, then, if digests are pinned, how far they are checked. */
export type FetchReporter = {
  /** So many bytes are here; the total is null when the source does not tell. */
  fetched(bytesDone: number, bytesTotal: number | null): void;
  verified(bytesDone: number, bytesTotal: number): void;
  /** What happens beside the numbers (waiting, trying again), for people; null when that is over. */
  remark(message: string | null): void;
};

/** Where models come from: one class a URI scheme, in a file of its own. */
export type Source = {
  /** Makes the wanted files available, with their pinned checksums verified. Throws a Failure. */
  fetch(request: FetchRequest, report: FetchReporter, signal: AbortSignal): Promise<readonly ArtifactFile[]>;
};
