import { open } from 'node:fs/promises';
import type { ArtifactFile } from './source.ts';

const pieceBytes = 16 << 20;
/** A piece that comes faster was in memory already: of that the engine tells by itself. */
const memoryBytesPerMs = 1_000_000;

export type ReadAlongOptions = {
  /** Bytes read so far; called only while they come from a disk. */
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal;
  readonly now?: () => number;
  readonly pieceBytes?: number;
};

/**
 * Reads files while an engine maps them into memory. llama.cpp has the kernel read a whole file before it reports anything,
 * which from a slow volume takes minutes; both read the same pages once, and here they are counted. Ends when `signal` aborts, and never throws.
 */
export async function readAlong(files: readonly ArtifactFile[], options: ReadAlongOptions): Promise<void> {
  const { onBytes, signal, now = () => performance.now() } = options;
  const buffer = Buffer.allocUnsafe(options.pieceBytes ?? pieceBytes);
  let before = 0;
  for (const { path, bytes } of files) {
    try {
      await using file = await open(path);
      for (let at = 0; at + buffer.length <= bytes && !signal.aborted; at += buffer.length) {
        const begun = now();
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
        if (bytesRead < buffer.length) return;
        if (buffer.length / (now() - begun) < memoryBytesPerMs && !signal.aborted) onBytes(before + at + buffer.length);
      }
    } catch {
      return; // The engine reads the same file, and its failure is the one to tell.
    }
    before += bytes;
  }
}
