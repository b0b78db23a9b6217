/** A file of a model, as it lies on this machine. `name` is its path within the source. */
export type ArtifactFile = { readonly name: string; readonly path: string; readonly bytes: number };

/** Where models come from: one class a URI scheme, in a file of its own. */
export type Source = {
  /** Makes the files that match one of `patterns` (all files when there is none) available, reporting bytes. Throws a Failure. */
  fetch(
    patterns: readonly string[],
    onProgress: (bytesDone: number, bytesTotal: number) => void,
    signal: AbortSignal,
  ): Promise<readonly ArtifactFile[]>;
};
