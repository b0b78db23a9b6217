import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RotatingFile, streamOutput } from './output.ts';

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'usage-log-'));
  file = join(directory, 'logs', 'usage.jsonl');
});
afterEach(() => rm(directory, { recursive: true }));

const text = (suffix = '') => readFile(file + suffix, 'utf8');

test('a file that is full is put aside, and so many are kept', async () => {
  const log = await RotatingFile.open({ file, maxBytes: 10, keep: 2 });
  for (const line of ['one\n', 'two\n', 'three\n', 'four\n', 'a line longer than a file\n', 'six\n']) await log.write(line);
  await log.close();
  expect([await text(), await text('.1'), await text('.2')]).toEqual(['six\n', 'a line longer than a file\n', 'four\n']);
  expect(await readdir(join(directory, 'logs'))).toHaveLength(3);
});

test('goes on where it was, and ends a line that a crash has cut short', async () => {
  const first = await RotatingFile.open({ file, maxBytes: 1_000, keep: 1 });
  await first.write('one\n');
  await first.close();
  await appendFile(file, '{"half');
  const second = await RotatingFile.open({ file, maxBytes: 1_000, keep: 1 });
  await second.write('two\n');
  await second.close();
  expect(await text()).toBe('one\n{"half\ntwo\n');
});

test('a stream gets the lines, and its reader’s end is an error of the write', async () => {
  const stream = new PassThrough();
  const output = streamOutput(stream);
  await output.write('one\n');
  expect(stream.read().toString()).toBe('one\n');
  stream.destroy();
  await expect(output.write('two\n')).rejects.toThrow();
});
