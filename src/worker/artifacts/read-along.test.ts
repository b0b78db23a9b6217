import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAlong } from './read-along.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'along-'));
  for (const [name, bytes] of [
    ['a', 2500],
    ['b', 1500],
  ] as const)
    await writeFile(path.join(directory, name), Buffer.alloc(bytes));
});
afterAll(() => rm(directory, { recursive: true }));

const files = () => [
  { name: 'a', path: path.join(directory, 'a'), bytes: 2500 },
  { name: 'b', path: path.join(directory, 'b'), bytes: 1500 },
];

/** Reads in pieces of 1000 bytes on a disk that takes `ms` for each; stops after `most` reports. */
async function read(ms: number, which = files(), most = 100): Promise<number[]> {
  const seen: number[] = [];
  const stop = new AbortController();
  let time = 0;
  const now = () => {
    time += ms;
    return time;
  };
  const onBytes = (bytes: number) => {
    if (seen.push(bytes) === most) stop.abort();
  };
  await readAlong(which, { onBytes, signal: stop.signal, now, pieceBytes: 1000 });
  return seen;
}

test('counts what a disk delivers, over all files', async () => {
  expect(await read(10)).toEqual([1000, 2000, 3500]);
});

test('says nothing of what was in memory already', async () => {
  expect(await read(0.0001)).toEqual([]);
});

test('ends when it is told to', async () => {
  expect(await read(10, files(), 1)).toEqual([1000]);
});

test('leaves a file that cannot be read to the engine', async () => {
  expect(await read(10, [{ name: 'none', path: path.join(directory, 'none'), bytes: 5000 }])).toEqual([]);
});
