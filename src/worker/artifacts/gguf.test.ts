import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Failure } from '../../core/failure.ts';
import { checkGguf } from './gguf.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'gguf-'));
});
afterAll(() => rm(directory, { recursive: true }));

const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const text = (value: string) => Buffer.concat([u64(value.length), Buffer.from(value)]);

/** A GGUF file with two tensors (F32 4x4 and Q4_0 64) and the metadata that real files have. */
function gguf({ version = 3, tensorType = 2 } = {}): Buffer {
  const header = Buffer.concat([
    ...[Buffer.from('GGUF'), u32(version), u64(2), u64(3)],
    ...[text('general.architecture'), u32(8), text('llama')],
    ...[text('general.alignment'), u32(4), u32(32)],
    ...[text('tokenizer.ggml.tokens'), u32(9), u32(8), u64(2), text('a'), text('bc')],
    ...[text('x'), u32(2), u64(4), u64(4), u32(0), u64(0)],
    ...[text('y'), u32(1), u64(64), u32(tensorType), u64(64)],
  ]);
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), Buffer.alloc(64 + 36, 1)]);
}

async function check(bytes: Buffer) {
  const file = path.join(directory, 'm.gguf');
  await writeFile(file, bytes);
  return await checkGguf(file);
}

test('accepts a whole file and knows its size to the byte', async () => {
  const bytes = gguf();
  expect(await check(bytes)).toEqual({ version: 3, tensorCount: 2, requiredBytes: bytes.length });
});

test('a truncated file is refused, wherever it was cut', async () => {
  const bytes = gguf();
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 1 }), async (length) => {
      await expect(check(bytes.subarray(0, length))).rejects.toMatchObject({ reason: 'UnsupportedModel' });
    }),
  );
});

test('garbage in the header is a clear refusal or a readable header, never a hang or another error', async () => {
  const bytes = gguf();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), async (changes) => {
      const broken = Buffer.from(bytes);
      for (const [at, value] of changes) broken[at] = value;
      const outcome = await check(broken).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(Failure);
    }),
  );
});

test.each([
  ['a web page', Buffer.from('<!DOCTYPE html><html>not found</html>'), /does not begin with "GGUF" but like a web page/],
  ['another version', gguf({ version: 9 }), /GGUF version 9 is not known/],
  ['nothing', Buffer.alloc(0), /ends inside its header, after 0 bytes/],
])('says what is wrong with %s', async (_, bytes, message) => {
  await expect(check(bytes)).rejects.toThrow(message);
});
