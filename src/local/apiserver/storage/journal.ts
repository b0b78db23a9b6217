import { type FileHandle, open as openFile, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { jsonText } from '../object.ts';

/** One change of the store. `rv` is the global revision that it made. */
export type JournalRecord =
  | { readonly op: 'put'; readonly rv: number; readonly resource: string; readonly key: string; readonly object: JsonObject }
  | { readonly op: 'delete'; readonly rv: number; readonly resource: string; readonly key: string };

/** What a journal held when it was opened. Records up to `baseRevision` are a snapshot; those after it are history. */
export type JournalContents = { readonly baseRevision: number; readonly records: readonly JournalRecord[] };

/** The journal is damaged before its tail: acknowledged writes would be lost by going on. */
export class CorruptJournalError extends Error {
  constructor(path: string, offset: number, why: string, options?: ErrorOptions) {
    super(`The journal ${path} is damaged at byte ${offset} (${why}). Restore it from a copy, or move it away to start empty.`, options);
    this.name = 'CorruptJournalError';
  }
}

/** The part of a file handle that a journal needs: a seam for tests of full disks. */
export type JournalFile = Pick<FileHandle, 'write' | 'datasync' | 'truncate' | 'close'>;
export type OpenJournalFile = (path: string, flags: string, mode?: number) => Promise<JournalFile>;

const format = 'modelfleet-journal/1';
// Each line is {"crc":"xxxxxxxx","r":<record>}: NDJSON for people and tools, with a checksum over the record's own bytes.
const prefixLength = '{"crc":"00000000","r":'.length;
const compactAboveBytes = 4 * 1024 * 1024;

/**
 * An append-only file of changes. `append` resolves when its records are on disk; a failed append leaves no trace.
 * A compacted journal is one without superseded records, so there is only one format and one file.
 */
export class Journal {
  private readonly path: string;
  private readonly openFile: OpenJournalFile;
  private file: JournalFile;
  private length: number;
  private compactedLength: number;
  /** Set while the file may hold bytes beyond `length`, because cutting them off failed too. */
  private dirtyTail = false;

  private constructor(path: string, open: OpenJournalFile, file: JournalFile, length: number) {
    this.path = path;
    this.openFile = open;
    this.file = file;
    this.length = length;
    this.compactedLength = length;
  }

  /** Opens or creates the journal and reads it. A torn last record is dropped; other damage throws {@link CorruptJournalError}. */
  static async open(path: string, open: OpenJournalFile = openFile): Promise<{ journal: Journal; contents: JournalContents }> {
    await rm(`${path}.tmp`, { force: true });
    const bytes = await readIfExists(path);
    const { contents, goodLength } = parseJournal(path, bytes);
    if (goodLength === 0) {
      const journal = new Journal(path, open, await createFile(open, path, [headerLine(0)]), headerLine(0).length);
      await syncDirectory(path);
      return { journal, contents };
    }
    const file = await open(path, 'r+');
    const journal = new Journal(path, open, file, goodLength);
    if (goodLength < bytes.length) await file.truncate(goodLength);
    return { journal, contents };
  }

  /** True when superseded records make up most of the file. */
  get wantsCompaction(): boolean {
    return this.length - this.compactedLength > Math.max(compactAboveBytes, this.compactedLength);
  }

  /** Writes and syncs. Rejects with the system's error (ENOSPC, EIO) and then none of the records is in the journal. One call at a time. */
  async append(records: readonly JournalRecord[]): Promise<void> {
    if (this.dirtyTail) await this.cutTail();
    const bytes = Buffer.from(records.map(recordLine).join(''));
    try {
      await writeAll(this.file, bytes, this.length);
      await this.file.datasync();
      this.length += bytes.length;
    } catch (error) {
      this.dirtyTail = true;
      await this.cutTail().catch((cause: unknown) => {
        throw new AggregateError([error, cause], `the journal ${this.path} could neither be written nor cut back`);
      });
      throw error;
    }
  }

  /** Replaces the file by one that holds just these records, at revision `rv`. On failure the old file stays in use. */
  async compact(rv: number, live: Iterable<JournalRecord>): Promise<void> {
    const temporary = `${this.path}.tmp`;
    const lines = [headerLine(rv)];
    for (const record of [...live].sort((a, b) => a.rv - b.rv)) lines.push(recordLine(record));
    let file: JournalFile | undefined;
    try {
      file = await createFile(this.openFile, temporary, lines);
      await rename(temporary, this.path);
    } catch (error) {
      await file?.close();
      await rm(temporary, { force: true });
      throw error;
    }
    const old = this.file;
    this.file = file;
    this.length = lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    this.compactedLength = this.length;
    this.dirtyTail = false;
    await old.close();
    await syncDirectory(this.path);
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async cutTail(): Promise<void> {
    await this.file.truncate(this.length);
    await this.file.datasync();
    this.dirtyTail = false;
  }
}

function line(json: string): string {
  return `{"crc":"${crc32(json).toString(16).padStart(8, '0')}","r":${json}}\n`;
}

function headerLine(rv: number): string {
  return line(JSON.stringify({ format, rv }));
}

function recordLine(record: JournalRecord): string {
  const head = `{"op":"${record.op}","rv":${record.rv},"resource":${JSON.stringify(record.resource)},"key":${JSON.stringify(record.key)}`;
  return line(record.op === 'put' ? `${head},"object":${jsonText(record.object)}}` : `${head}}`);
}

function parseJournal(path: string, bytes: Buffer): { contents: JournalContents; goodLength: number } {
  const records: JournalRecord[] = [];
  let baseRevision: number | undefined;
  let offset = 0;
  let damage: { offset: number; why: string } | undefined;
  while (offset < bytes.length) {
    const newline = bytes.indexOf(10, offset);
    const end = newline === -1 ? bytes.length : newline;
    const parsed = newline === -1 ? 'its end is missing' : parseLine(bytes.toString('utf8', offset, end));
    if (typeof parsed === 'string') damage ??= { offset, why: parsed };
    // A good record behind a bad one: the damage is not a torn tail.
    else if (damage) throw new CorruptJournalError(path, damage.offset, damage.why);
    else if (baseRevision === undefined) baseRevision = parseHeader(path, parsed);
    else records.push(parseRecord(path, offset, parsed));
    offset = end + 1;
  }
  const goodLength = damage?.offset ?? bytes.length;
  return { contents: { baseRevision: baseRevision ?? 0, records }, goodLength };
}

/** The record of one line, or what is wrong with it. */
function parseLine(text: string): JsonObject | string {
  const json = text.slice(prefixLength, -1);
  if (text.slice(0, 8) !== '{"crc":"' || text.slice(8, 16) !== crc32(json).toString(16).padStart(8, '0'))
    return 'its checksum does not match';
  const record: unknown = JSON.parse(json);
  return isJsonObject(record) ? record : 'it is not a record';
}

function parseHeader(path: string, record: JsonObject): number {
  if (record.format !== format) throw new CorruptJournalError(path, 0, `its format is ${JSON.stringify(record.format)}, not ${format}`);
  return Number(record.rv);
}

function parseRecord(path: string, offset: number, record: JsonObject): JournalRecord {
  const { op, rv, resource, key, object } = record;
  if (typeof rv === 'number' && typeof resource === 'string' && typeof key === 'string') {
    if (op === 'delete') return { op, rv, resource, key };
    if (op === 'put' && isJsonObject(object)) return { op, rv, resource, key, object };
  }
  throw new CorruptJournalError(path, offset, 'its record is of an unknown kind');
}

async function readIfExists(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

async function createFile(open: OpenJournalFile, path: string, lines: readonly string[]): Promise<JournalFile> {
  const file = await open(path, 'w+', 0o600);
  try {
    await writeAll(file, Buffer.from(lines.join('')), 0);
    await file.datasync();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function writeAll(file: JournalFile, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** A new or renamed file is only safe once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await openFile(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
