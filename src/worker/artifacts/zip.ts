import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';

/** A file in a zip archive. Sizes are bytes. */
export type ZipEntry = {
  readonly name: string;
  readonly method: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly headerOffset: number;
};

const endSignature = 0x06054b50;
const end64LocatorSignature = 0x07064b50;
const end64Signature = 0x06064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const largest32 = 0xffffffff;

/** The entries of a zip archive, from its central directory (PKWARE APPNOTE 4.3; zip64 too). Throws a RangeError when it is not one or is cut off. */
export async function listZip(path: string): Promise<readonly ZipEntry[]> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { offset, length } = await findDirectory(file, size);
    if (offset + length > size) throw new RangeError('the zip archive is cut off');
    return parseDirectory(await readAt(file, offset, length));
  } finally {
    await file.close();
  }
}

/** The unpacked bytes of an entry, as a stream. The caller checks the content; a wrong size or broken data is a stream error. */
export async function openZipEntry(path: string, entry: ZipEntry): Promise<Readable> {
  const file = await open(path);
  let start: number;
  try {
    const header = await readAt(file, entry.headerOffset, 30);
    if (header.readUInt32LE(0) !== localSignature) throw new RangeError(`the zip archive has no file at the place of ${entry.name}`);
    start = entry.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  } finally {
    await file.close();
  }
  const packed = createReadStream(path, { start, end: start + entry.compressedBytes - 1, highWaterMark: 1 << 20 });
  if (entry.method === 0) return packed;
  if (entry.method !== 8) throw new RangeError(`${entry.name} is packed by method ${entry.method}, which is not known`);
  const inflate = createInflateRaw({ chunkSize: 1 << 18 });
  packed.on('error', (error) => inflate.destroy(error));
  inflate.on('close', () => packed.destroy());
  return packed.pipe(inflate);
}

async function findDirectory(file: FileHandle, size: number): Promise<{ offset: number; length: number }> {
  const tailStart = Math.max(0, size - 65_557); // the longest comment, and the record
  const tail = await readAt(file, tailStart, size - tailStart);
  let at = tail.length - 22;
  while (at >= 0 && tail.readUInt32LE(at) !== endSignature) at -= 1;
  if (at < 0) throw new RangeError('this is not a zip archive, or it is cut off');
  const offset = tail.readUInt32LE(at + 16);
  const length = tail.readUInt32LE(at + 12);
  const locator = at - 20;
  if (offset !== largest32 || locator < 0 || tail.readUInt32LE(locator) !== end64LocatorSignature) return { offset, length };
  const record = await readAt(file, Number(tail.readBigUInt64LE(locator + 8)), 56);
  if (record.readUInt32LE(0) !== end64Signature) throw new RangeError('the zip64 record of the archive is missing');
  return { offset: Number(record.readBigUInt64LE(48)), length: Number(record.readBigUInt64LE(40)) };
}

function parseDirectory(directory: Buffer): readonly ZipEntry[] {
  const entries: ZipEntry[] = [];
  for (let at = 0; at + 46 <= directory.length; ) {
    if (directory.readUInt32LE(at) !== centralSignature) throw new RangeError('the directory of the zip archive is broken');
    const nameLength = directory.readUInt16LE(at + 28);
    const extraLength = directory.readUInt16LE(at + 30);
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    const fields = [directory.readUInt32LE(at + 24), directory.readUInt32LE(at + 20), directory.readUInt32LE(at + 42)];
    const [bytes = 0, compressedBytes = 0, headerOffset = 0] = widen(fields, extra);
    entries.push({ name, method: directory.readUInt16LE(at + 10), bytes, compressedBytes, headerOffset });
    at += 46 + nameLength + extraLength + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/** The zip64 extra field holds, in order, the fields that did not fit into 32 bits. */
function widen(fields: readonly number[], extra: Buffer): readonly number[] {
  let at = 0;
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== 1) at += 4 + extra.readUInt16LE(at + 2);
  let next = at + 4;
  return fields.map((field) => {
    if (field !== largest32 || next + 8 > extra.length) return field;
    const wide = Number(extra.readBigUInt64LE(next));
    next += 8;
    return wide;
  });
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  if (bytesRead < length) throw new RangeError('the zip archive is cut off');
  return bytes;
}
