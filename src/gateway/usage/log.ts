import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { UsageRecord } from './record.ts';

/** Where lines go. A write that fails is tried again with the same lines, until it has succeeded: they are written once. */
export type LineOutput = {
  /** Most characters in one write, but for a longer line; 1 MiB unless told. */
  readonly maxWrite?: number;
  write(lines: string): Promise<void>;
  close(): Promise<void>;
};

type Batch = { readonly lines: string; readonly count: number };

/** Lines wait this long for more of them: so much is lost when the process is killed. */
const flushMs = 500;
/** So much at once, then the next write, unless the output wants less. */
const batchBytes = 1_048_576;
/** More than this does not wait: a disk that is full must not fill the memory. */
const maxPendingBytes = 32 * 1_048_576;
/** Callers whom nobody knows send as much as they like: so many a second are told, and of the others how many they were. */
const strangersPerSecond = 10;
/** How often it is said that the log cannot be written. */
const complainMs = 60_000;
/** Tries of the last lines at the end. */
const lastTries = 3;

type UsageLogOptions = { readonly output: LineOutput; readonly clock: Clock; readonly logger: Logger };

/** Writes a line of JSON for each request, in batches, so that no request waits for it. */
export class UsageLog {
  private readonly options: UsageLogOptions;
  private readonly stop = new AbortController();
  private pending: string[] = [];
  private pendingBytes = 0;
  /** What could not be written and comes first. */
  private failed: Batch | undefined;
  private lostRecords = 0;
  private running: Promise<void> | undefined;
  private complainedAt = Number.NEGATIVE_INFINITY;
  private second = 0;
  private strangers = 0;
  private leftOut = 0;

  constructor(options: UsageLogOptions) {
    this.options = options;
  }

  /** Records that could not be kept. */
  get lost(): number {
    return this.lostRecords;
  }

  add(record: UsageRecord): void {
    const isStranger = record.tenant === undefined;
    if (isStranger && !this.tellsStranger()) return;
    const { leftOut } = this;
    const told = isStranger && leftOut > 0 ? { ...record, leftOut } : record;
    if (told !== record) this.leftOut = 0;
    const line = `${JSON.stringify(told)}\n`;
    if (this.pendingBytes + line.length > maxPendingBytes) {
      this.lostRecords += 1;
      return;
    }
    this.pending.push(line);
    this.pendingBytes += line.length;
    this.running ??= this.run();
  }

  /** Writes what is left and closes the output. */
  async close(): Promise<void> {
    this.stop.abort();
    await this.running;
    const { output, logger } = this.options;
    for (let tries = 0; this.pending.length > 0 && tries < lastTries; ) if (!(await this.flush())) tries += 1;
    this.lostRecords += this.pending.length;
    this.pending = [];
    if (this.lostRecords > 0) logger.error({ records: this.lostRecords }, 'usage records are lost');
    await output.close();
  }

  /** Ends when nothing is left to write. */
  private async run(): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.stop;
    while (this.pending.length > 0 && !signal.aborted) {
      await clock.sleep(flushMs, signal).catch(() => {}); // aborted: seen at once
      while (this.pending.length > 0 && !signal.aborted) if (!(await this.flush())) break;
    }
    this.running = undefined;
  }

  /** Writes some of the lines; false when it failed, and they are kept. */
  private async flush(): Promise<boolean> {
    const { output, clock, logger } = this.options;
    const batch = this.failed ?? this.batch();
    try {
      await output.write(batch.lines);
    } catch (error) {
      this.failed = batch;
      if (clock.now() - this.complainedAt >= complainMs) {
        this.complainedAt = clock.now();
        logger.error({ err: error, waiting: this.pending.length, lost: this.lostRecords }, 'the usage log cannot be written');
      }
      return false;
    }
    this.failed = undefined;
    this.pending = this.pending.slice(batch.count);
    this.pendingBytes -= batch.lines.length;
    return true;
  }

  private batch(): Batch {
    const most = this.options.output.maxWrite ?? batchBytes;
    let bytes = 0;
    let count = 0;
    for (const line of this.pending) {
      if (count > 0 && bytes + line.length > most) break;
      bytes += line.length;
      count += 1;
    }
    return { lines: this.pending.slice(0, count).join(''), count };
  }

  private tellsStranger(): boolean {
    const second = Math.floor(this.options.clock.now() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.strangers = 0;
    }
    this.strangers += 1;
    if (this.strangers <= strangersPerSecond) return true;
    this.leftOut += 1;
    return false;
  }
}
