import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Failure } from '../../core/failure.ts';
import type { ArtifactFile, Checksums } from './source.ts';

/** Reads `file=sha256:hex`. Throws a RangeError that shows the text. */
export function parseChecksum(text: string): readonly [file: string, checksum: string] {
  const [, file, digest] = /^(.+)=(sha256:[0-9a-fA-F]{64})$/.exec(text) ?? [];
  if (!file || !digest) throw new RangeError(`"${text}" is not a checksum such as model.gguf=sha256:<64 hex digits>`);
  return [file, digest.toLowerCase()];
}

/** SHA-256 of a file, in lower case hex. `onBytes` gets the size of each piece. */
export async function sha256(file: string, onBytes: (bytes: number) => void, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, ...(signal ? { signal } : {}) }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    onBytes(chunk.length);
  }
  return hash.digest('hex');
}

/** Compares every pinned file with its digest. Throws a Failure `ChecksumMismatch`, `SourceNotFound` for a pin without a file. */
export async function verifyChecksums(
  files: readonly ArtifactFile[],
  checksums: Checksums,
  onProgress: (bytesDone: number, bytesTotal: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const pinned = Object.entries(checksums).map(([name, checksum]) => {
    const file = files.find((one) => one.name === name);
    if (!file) throw new Failure('SourceNotFound', `A checksum is pinned for ${name}, but the source has no such file.`);
    return { file, checksum };
  });
  const total = pinned.reduce((sum, { file }) => sum + file.bytes, 0);
  let done = 0;
  if (pinned.length > 0) onProgress(done, total);
  for (const { file, checksum } of pinned) {
    const found = await sha256(
      file.path,
      (bytes) => {
        done += bytes;
        onProgress(done, total);
      },
      signal,
    );
    if (`sha256:${found}` !== checksum) {
      throw new Failure('ChecksumMismatch', `${file.name} has sha256:${found}, but ${checksum} is pinned.`);
    }
  }
}
