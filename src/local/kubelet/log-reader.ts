import { type FileHandle, open } from 'node:fs/promises';
import { type LogWriter, rotatedPath } from './log-writer.ts';

export type ReadOptions = {
  readonly follow: boolean;
  readonly tailLines?: number;
  /** Only lines written at or after this instant (epoch ms). */
  readonly since?: number;
  readonly timestamps: boolean;
  readonly limitBytes?: number;
};

const blockBytes = 64 * 1024;

/**
 * Reads the log of one run, oldest line first; `writer` is given while the run goes on and ends a `follow`.
 * Yields what the container wrote, with a timestamp before each line when asked for.
 */
export async function* readLog(
  path: string,
  options: ReadOptions,
  writer: LogWriter | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const format = lineFormatter(options);
  for await (const records of readRecords(path, options, writer, signal)) {
    const text = Buffer.from(records.map(format).join(''));
    if (text.length > 0) yield text.length > left ? text.subarray(0, left) : text;
    left -= text.length;
    if (left <= 0) return;
  }
}

async function* readRecords(
  path: string,
  options: ReadOptions,
  writer: LogWriter | undefined,
  signal: AbortSignal,
): AsyncGenerator<string[]> {
  let rotation = writer?.rotations ?? 0;
  const files = (await Promise.all([rotatedPath(path), path].map(openIfThere))).filter((file) => file !== undefined);
  try {
    const start = options.tailLines === undefined ? { file: 0, offset: 0 } : await tailStart(files, options.tailLines);
    let rest: Buffer = Buffer.alloc(0);
    for (let index = start.file; index < files.length; index += 1) {
      const file = files[index];
      let offset = index === start.file ? start.offset : 0;
      while (file) {
        signal.throwIfAborted();
        const seen = writer?.version;
        const { bytesRead, buffer } = await file.read(Buffer.alloc(blockBytes), 0, blockBytes, offset);
        offset += bytesRead;
        const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
        const end = data.lastIndexOf(10) + 1;
        rest = data.subarray(end);
        if (end > 0) yield data.toString('utf8', 0, end - 1).split('\n');
        if (bytesRead > 0) continue;
        if (index < files.length - 1 || !options.follow || !writer) break;
        if (writer.rotations > rotation) {
          rotation = writer.rotations;
          const next = await openIfThere(path);
          if (next) files.push(next);
          break;
        }
        if (writer.closed && writer.version === seen) break;
        if (writer.version === seen) await writer.change(signal);
      }
    }
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Where the last `lines` lines begin, looking backwards by blocks. */
async function tailStart(files: readonly FileHandle[], lines: number): Promise<{ file: number; offset: number }> {
  let found = 0;
  for (let index = files.length - 1; index >= 0; index -= 1) {
    const file = files[index];
    if (!file) continue;
    const { size } = await file.stat();
    for (let end = size; end > 0; end -= blockBytes) {
      const begin = Math.max(0, end - blockBytes);
      const { buffer } = await file.read(Buffer.alloc(end - begin), 0, end - begin, begin);
      for (let at = buffer.length - 1; at >= 0; at -= 1) {
        if (buffer[at] !== 10) continue;
        if (found === lines) return { file: index, offset: begin + at + 1 };
        found += 1;
      }
    }
    // The newline that ends the file before this one also ends a line: it is counted when that file is read.
    if (found === lines) return { file: index, offset: 0 };
  }
  return { file: 0, offset: 0 };
}

/** Turns a stored record into what `kubectl logs` prints; pieces of one line are joined. */
function lineFormatter({ since, timestamps }: ReadOptions): (record: string) => string {
  let inside = false;
  return (record) => {
    const [stamp = '', , tag = 'F'] = record.split(' ', 3);
    const text = record.slice(record.indexOf(' ', record.indexOf(' ', stamp.length + 1) + 1) + 1);
    const begins = !inside;
    inside = tag === 'P';
    if (since !== undefined && Date.parse(stamp) < since) return '';
    return `${timestamps && begins ? `${stamp} ` : ''}${text}${tag === 'P' ? '' : '\n'}`;
  };
}
