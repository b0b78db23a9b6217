import { type FileHandle, open } from 'node:fs/promises';
import { describeError, Failure } from '../../core/failure.ts';

/** What the header of a GGUF file promises. */
export type GgufHeader = {
  readonly version: number;
  readonly tensorCount: number;
  /** Bytes that the file must have for every tensor to be whole. */
  readonly requiredBytes: number;
};

class NeedMoreBytes extends Error {}

/** Bytes of a value of each GGUF metadata type; strings (8) and arrays (9) have a length of their own. */
const valueBytes: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const stringType = 8;
const arrayType = 9;

/** ggml's tensor types: values a block, bytes a block (ggml.h). A type that is not here is newer than this table: only its beginning is checked. */
const blocks: Readonly<Record<number, readonly [values: number, bytes: number]>> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  3: [32, 20],
  6: [32, 22],
  7: [32, 24],
  8: [32, 34],
  9: [32, 36],
  10: [256, 84],
  11: [256, 110],
  12: [256, 144],
  13: [256, 176],
  14: [256, 210],
  15: [256, 292],
  16: [256, 66],
  17: [256, 74],
  18: [256, 98],
  19: [256, 50],
  20: [32, 18],
  21: [256, 110],
  22: [256, 82],
  23: [256, 136],
  24: [1, 1],
  25: [1, 2],
  26: [1, 4],
  27: [1, 8],
  28: [1, 8],
  29: [256, 56],
  30: [1, 2],
  34: [256, 54],
  35: [256, 66],
  39: [32, 17],
};

/** A reader of little-endian fields that knows where it is. */
class Cursor {
  private readonly bytes: Buffer;
  offset = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  skip(count: number): number {
    const from = this.offset;
    if (!(count <= this.bytes.length - from)) throw new NeedMoreBytes();
    this.offset = from + count;
    return from;
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.skip(4));
  }

  u64(): number {
    return Number(this.bytes.readBigUInt64LE(this.skip(8)));
  }

  text(): string {
    const length = this.u64();
    const from = this.skip(length);
    return this.bytes.toString('utf8', from, from + Math.min(length, 256));
  }
}

/**
 * Checks that a file is GGUF and holds all the tensors that its header lists, before an engine is started for it:
 * an engine's own words for a truncated file are hard to read, and some crash. Throws a Failure `UnsupportedModel`, which calls the file `title`.
 */
export async function checkGguf(path: string, title = path): Promise<GgufHeader> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const header = await readHeader(file, title, size);
    if (header.requiredBytes > size) {
      throw new Failure(
        'UnsupportedModel',
        `${title} is incomplete: its header lists ${header.requiredBytes} bytes, the file has ${size}. Fetch it again.`,
      );
    }
    return header;
  } finally {
    await file.close();
  }
}

async function readHeader(file: FileHandle, title: string, size: number): Promise<GgufHeader> {
  for (let length = 4 << 20; ; length *= 4) {
    const bytes = Buffer.alloc(Math.min(length, size));
    await file.read(bytes, 0, bytes.length, 0);
    try {
      return parseGgufHeader(bytes);
    } catch (error) {
      if (error instanceof NeedMoreBytes && bytes.length < size) continue;
      const why = error instanceof NeedMoreBytes ? `it ends inside its header, after ${size} bytes` : describeError(error);
      throw new Failure('UnsupportedModel', `${title} is not a usable GGUF file: ${why}.`, { cause: error });
    }
  }
}

function parseGgufHeader(bytes: Buffer): GgufHeader {
  const cursor = new Cursor(bytes);
  const magic = bytes.subarray(0, 4).toString('latin1');
  cursor.skip(4);
  if (magic !== 'GGUF')
    throw new RangeError(`it does not begin with "GGUF"${magic === '<!DO' || magic === '<htm' ? ' but like a web page' : ''}`);
  const version = cursor.u32();
  if (version !== 2 && version !== 3) throw new RangeError(`GGUF version ${version} is not known`);
  const tensorCount = cursor.u64();
  const keyCount = cursor.u64();
  let alignment = 32;
  for (let index = 0; index < keyCount; index += 1) {
    const key = cursor.text();
    const type = cursor.u32();
    const value = skipValue(cursor, bytes, type);
    if (key === 'general.alignment' && value !== undefined) alignment = value;
  }
  let end = 0;
  for (let index = 0; index < tensorCount; index += 1) end = Math.max(end, tensorEnd(cursor));
  const dataStart = Math.ceil(cursor.offset / alignment) * alignment;
  return { version, tensorCount, requiredBytes: tensorCount === 0 ? cursor.offset : dataStart + end };
}

/** Skips a metadata value; gives back a 32-bit number, the only kind that is needed. */
function skipValue(cursor: Cursor, bytes: Buffer, type: number): number | undefined {
  if (type === stringType) {
    cursor.skip(cursor.u64());
    return undefined;
  }
  if (type === arrayType) {
    const element = cursor.u32();
    const count = cursor.u64();
    if (element === stringType) for (let index = 0; index < count; index += 1) cursor.skip(cursor.u64());
    else if (element === arrayType) throw new RangeError('its metadata holds an array of arrays');
    else cursor.skip(count * sizeOf(element));
    return undefined;
  }
  const from = cursor.skip(sizeOf(type));
  return type === 4 ? bytes.readUInt32LE(from) : undefined;
}

function sizeOf(type: number): number {
  const size = valueBytes[type];
  if (size === undefined) throw new RangeError(`its metadata holds a value of the unknown type ${type}`);
  return size;
}

function tensorEnd(cursor: Cursor): number {
  const name = cursor.text();
  const dimensions = cursor.u32();
  if (dimensions > 8) throw new RangeError(`its tensor ${name} has ${dimensions} dimensions`);
  let values = 1;
  for (let index = 0; index < dimensions; index += 1) values *= cursor.u64();
  const block = blocks[cursor.u32()];
  const offset = cursor.u64();
  return offset + (block ? Math.ceil(values / block[0]) * block[1] : 0);
}
