import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { selectModel } from './model-file.ts';
import { sourceFor } from './sources.ts';

const never = new AbortController().signal;
const silent = { fetched: () => undefined, verified: () => undefined, remark: () => undefined };
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'source-'));
  await mkdir(path.join(directory, 'dir'));
  for (const name of ['a.gguf', 'b.gguf', 'notes.txt']) await writeFile(path.join(directory, 'dir', name), name);
});
afterAll(() => rm(directory, { recursive: true }));

const fetchFrom = async (uri: string, patterns: readonly string[] = []) =>
  await sourceFor(uri, { pathMap: { '/models': directory }, cacheDir: directory, clock: systemClock }).fetch(
    { patterns, checksums: {} },
    silent,
    never,
  );

test('finds a file through the path map', async () => {
  expect(await fetchFrom('file:///models/dir/a.gguf')).toEqual([{ name: 'a.gguf', path: path.join(directory, 'dir/a.gguf'), bytes: 6 }]);
});

test('takes the files of a directory that match', async () => {
  expect((await fetchFrom('file:///models/dir', ['b*', '*.txt'])).map((file) => file.name)).toEqual(['b.gguf', 'notes.txt']);
});

test.each([
  ['file:///models/none.gguf', 'SourceNotFound', /nothing at file:\/\/\/models\/none.gguf/],
  ['file:///models/dir/a.gguf/x', 'SourceNotFound', /nothing at/],
  ['file://models/a.gguf', 'SourceNotFound', /three slashes/],
  ['hf://org/model', 'UnsupportedModel', /cannot fetch from hf:/],
  ['model.gguf', 'UnsupportedModel', /is not a URI/],
])('%s is %s', async (uri, reason, message) => {
  await expect(fetchFrom(uri)).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
});

test('says which patterns match nothing', async () => {
  await expect(fetchFrom('file:///models/dir', ['*.bin'])).rejects.toThrow(/no file that matches \*\.bin/);
});

const files = (...names: string[]) => names.map((name) => ({ name, path: `/m/${name}`, bytes: 1 }));

test('a model is one file or all parts of a split one', () => {
  expect(selectModel(files('readme.md', 'a.gguf')).map((file) => file.name)).toEqual(['a.gguf']);
  expect(selectModel(files('a-00002-of-00002.gguf', 'a-00001-of-00002.gguf')).map((file) => file.name)).toEqual([
    'a-00001-of-00002.gguf',
    'a-00002-of-00002.gguf',
  ]);
});

test.each([
  [files('a.gguf', 'b.gguf'), /several models \(a.gguf, b.gguf\)/],
  [files('a-00001-of-00003.gguf', 'a-00003-of-00003.gguf'), /missing: a-00002-of-00003.gguf/],
  [files('model.safetensors'), /needs a .gguf file; the source has model.safetensors/],
])('says which files do not make a model', (given, message) => {
  expect(() => selectModel(given)).toThrow(message);
});
