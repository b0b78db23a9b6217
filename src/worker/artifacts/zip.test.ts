import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { storedZip } from './zip.fixture.ts';
import { listZip, openZipEntry } from './zip.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'zip-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function archive(bytes: Buffer): Promise<string> {
  const file = path.join(directory, 'a.zip');
  await writeFile(file, bytes);
  return file;
}

async function readBack(file: string): Promise<Record<string, Buffer>> {
  const read: Record<string, Buffer> = {};
  for (const entry of await listZip(file)) read[entry.name] = await buffer(await openZipEntry(file, entry));
  return read;
}

test.each([true, false])('reads back what was packed (deflate: %s)', async (deflate) => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z/]{1,12}$/), { minLength: 1, maxLength: 4 });
  const data = fc.uint8Array({ minLength: 1, maxLength: 5000 }).map((bytes) => Buffer.from(bytes));
  await fc.assert(
    fc.asyncProperty(names, data, async (all, bytes) => {
      const files = Object.fromEntries(all.map((name, index) => [name, Buffer.concat([bytes, Buffer.from([index])])]));
      expect(await readBack(await archive(storedZip(files, deflate)))).toEqual(files);
    }),
    { numRuns: 30 },
  );
});

test('an archive that is cut off anywhere is an error, never a hang or a short file', async () => {
  const whole = storedZip({ 'a.gguf': Buffer.alloc(2000, 'abc'), b: Buffer.from('b') }, true);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
      const file = await archive(whole.subarray(0, length));
      await expect(readBack(file)).rejects.toThrow(/zip archive/);
    }),
    { numRuns: 40 },
  );
});
