import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TokenFile } from './token-file.ts';

const [old, next] = ['old-token-0123456789', 'new-token-0123456789'];
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-file-'));
  file = join(folder, 'token');
});
afterEach(() => rm(folder, { recursive: true }));

test('takes what the file holds, and nothing else', async () => {
  await writeFile(file, `${old}\n`);
  const tokens = await TokenFile.open(file);
  expect(await tokens.accepts(old)).toBe(true);
  for (const wrong of [next, '', `${old}x`, old.slice(0, -1)]) expect(await tokens.accepts(wrong)).toBe(false);
});

test('a change of the file acts at once; during a change both tokens are taken, and the first is sent', async () => {
  await writeFile(file, old);
  const tokens = await TokenFile.open(file);
  await writeFile(file, `${next}\n${old}\n`);
  expect([await tokens.accepts(old), await tokens.accepts(next)]).toEqual([true, true]);
  expect((await tokens.read())[0]).toBe(next);
  await writeFile(file, next);
  expect(await tokens.accepts(old)).toBe(false);
});

test('says what is wrong with a file that cannot be used', async () => {
  await expect(TokenFile.open(file)).rejects.toThrow(`Cannot read the tokens in ${file}`);
  for (const text of ['', '\n', 'short', `${old}\nshort`]) {
    await writeFile(file, text);
    await expect(TokenFile.open(file)).rejects.toThrow('must hold a token of at least 16 characters');
  }
});
