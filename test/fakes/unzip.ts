import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** One entry of a zip file, found by its central directory (APPNOTE.TXT sections 4.3.7, 4.3.12, 4.3.16; no zip64). */
export async function unzipEntry(path: string, name: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const tail = await readAt(file, Math.max(0, size - 65_557), Math.min(size, 65_557));
    const end = tail.lastIndexOf(Buffer.from('PK\x05\x06'));
    if (end < 0) throw new Error(`${path} is not a zip file`);
    const directory = await readAt(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
    for (let at = 0; at + 46 <= directory.length; ) {
      const nameLength = directory.readUInt16LE(at + 28);
      const found = directory.toString('utf8', at + 46, at + 46 + nameLength);
      if (found === name) {
        const start = directory.readUInt32LE(at + 42);
        const header = await readAt(file, start, 30);
        const offset = start + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
        const content = await readAt(file, offset, directory.readUInt32LE(at + 20));
        return directory.readUInt16LE(at + 10) === 0 ? content : await promisify(inflateRaw)(content);
      }
      at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    }
    throw new Error(`${path} has no ${name}`);
  } finally {
    await file.close();
  }
}
