import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import type { LineOutput } from './log.ts';

/** A file for lines and how far it may grow. */
export type RotatingFileOptions = {
  readonly file: string;
  /** It is put aside before it gets longer than this. */
  readonly maxBytes: number;
  /** How many of those put aside are kept: `FILE.1` is the newest. */
  readonly keep: number;
};

const lineFeed = 0x0a;

/** Writes lines to the end of a file, and puts it aside when it is full. */
export class RotatingFile implements LineOutput {
  private readonly options: RotatingFileOptions;
  private handle: FileHandle;
  private size: number;

  private constructor(options: RotatingFileOptions, handle: FileHandle, size: number) {
    this.options = options;
    this.handle = handle;
    this.size = size;
  }

  /** Rejects when the file cannot be written. */
  static async open(options: RotatingFileOptions): Promise<RotatingFile> {
    await mkdir(dirname(options.file), { recursive: true });
    const { handle, size } = await openEnd(options.file);
    return new RotatingFile(options, handle, size);
  }

  async write(lines: string): Promise<void> {
    const bytes = Buffer.from(lines);
    if (this.size > 0 && this.size + bytes.length > this.options.maxBytes) await this.rotate();
    try {
      await this.handle.appendFile(bytes);
      this.size += bytes.length;
    } catch (error) {
      // A full disk may have taken a part: the whole comes again, so the part must go.
      await this.handle.truncate(this.size);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.handle.sync();
    await this.handle.close();
  }

  private async rotate(): Promise<void> {
    const { file, keep } = this.options;
    for (let index = keep; index > 0; index -= 1) {
      const from = index === 1 ? file : `${file}.${index - 1}`;
      if (await exists(from)) await rename(from, `${file}.${index}`);
    }
    const full = this.handle;
    if (keep === 0) {
      await full.truncate(0);
      this.size = 0;
      return;
    }
    const { handle, size } = await openEnd(file);
    this.handle = handle;
    this.size = size;
    await full.close();
  }
}

/** Writes lines to a stream such as stdout, which stays open. */
export function streamOutput(stream: Writable): LineOutput {
  // A reader that is gone is told by each write: without a listener it would end the process.
  stream.on('error', () => {});
  return {
    write: (lines) => new Promise((resolve, reject) => stream.write(lines, (error) => (error ? reject(error) : resolve()))),
    close: async () => {},
  };
}

/** Opens a file at its end; a line that a crash has cut short is ended. */
async function openEnd(file: string): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  const handle = await open(file, 'a+', 0o640);
  let { size } = await handle.stat();
  if (size > 0) {
    const last = Buffer.alloc(1);
    await handle.read(last, 0, 1, size - 1);
    if (last[0] !== lineFeed) {
      await handle.appendFile('\n');
      size += 1;
    }
  }
  return { handle, size };
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
