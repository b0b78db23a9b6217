import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../../core/clock.ts';

export type OutputStream = 'stdout' | 'stderr';

const streams: readonly OutputStream[] = ['stdout', 'stderr'];
const maxLineLength = 16 * 1024;

/** Where the older half of a log lies once it was rotated. */
export function rotatedPath(path: string): string {
  return `${path}.1`;
}

/**
 * Writes one run's output in the format of container runtimes: `2026-01-01T00:00:00.000000000Z stdout F line`, where `P` marks a piece of a longer line.
 * Past `maxBytes` the file is rotated once, so a run keeps between one and two times that. Writes are synchronous: they reach the page cache
 * before the next event, so that what a container said last is never lost.
 */
export class LogWriter {
  /** Grows with each change; lets a reader tell whether it has missed one. */
  version = 0;
  rotations = 0;
  closed = false;
  readonly path: string;
  private readonly maxBytes: number;
  private readonly clock: Clock;
  private readonly onError: (error: unknown) => void;
  private readonly pending = { stdout: '', stderr: '' };
  private readonly decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  private readonly waiting = new Set<() => void>();
  private file: number;
  private size: number;

  constructor(path: string, options: { maxBytes: number; clock: Clock; onError: (error: unknown) => void }) {
    this.path = path;
    this.maxBytes = options.maxBytes;
    this.clock = options.clock;
    this.onError = options.onError;
    mkdirSync(dirname(path), { recursive: true });
    this.file = openSync(path, 'a', 0o600);
    this.size = fstatSync(this.file).size;
  }

  write(stream: OutputStream, chunk: Buffer): void {
    if (this.closed) return;
    const lines = (this.pending[stream] + this.decoders[stream].write(chunk)).split('\n');
    let rest = lines.pop() ?? '';
    const records = lines.flatMap((line) => pieces(line, 'F'));
    while (rest.length > maxLineLength) {
      records.push({ text: rest.slice(0, maxLineLength), tag: 'P' });
      rest = rest.slice(maxLineLength);
    }
    this.pending[stream] = rest;
    this.append(stream, records);
  }

  close(): void {
    if (this.closed) return;
    for (const stream of streams) {
      const rest = this.pending[stream] + this.decoders[stream].end();
      if (rest !== '') this.append(stream, pieces(rest, 'F'));
    }
    this.closed = true;
    closeSync(this.file);
    this.changed();
  }

  /** Resolves at the next change; rejects with the signal's reason. */
  change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.waiting.delete(settle);
        signal.removeEventListener('abort', settle);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.waiting.add(settle);
      signal.addEventListener('abort', settle, { once: true });
    });
  }

  private append(stream: OutputStream, records: readonly { text: string; tag: 'F' | 'P' }[]): void {
    if (records.length === 0) return;
    const stamp = new Date(this.clock.now()).toISOString().replace('Z', '000000Z');
    const data = Buffer.from(records.map(({ text, tag }) => `${stamp} ${stream} ${tag} ${text}\n`).join(''));
    try {
      if (this.size > 0 && this.size + data.length > this.maxBytes) this.rotate();
      writeSync(this.file, data);
      this.size += data.length;
    } catch (error) {
      this.onError(error); // a full disk must not end the container
    }
    this.changed();
  }

  private rotate(): void {
    renameSync(this.path, rotatedPath(this.path));
    const next = openSync(this.path, 'w', 0o600);
    closeSync(this.file);
    this.file = next;
    this.size = 0;
    this.rotations += 1;
  }

  private changed(): void {
    this.version += 1;
    for (const wake of [...this.waiting]) wake();
  }
}

function pieces(line: string, lastTag: 'F'): { text: string; tag: 'F' | 'P' }[] {
  const found: { text: string; tag: 'F' | 'P' }[] = [];
  for (let at = 0; at + maxLineLength < line.length; at += maxLineLength)
    found.push({ text: line.slice(at, at + maxLineLength), tag: 'P' });
  return [...found, { text: line.slice(found.length * maxLineLength), tag: lastTag }];
}
