import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { type ReadOptions, readLog } from './log-reader.ts';
import { LogWriter, rotatedPath } from './log-writer.ts';

const unlimited = 1 << 30;

async function openLog(maxBytes = unlimited) {
  const folder = await mkdtemp(join(tmpdir(), 'mf-log-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const clock = new FakeClock();
  const errors: unknown[] = [];
  const path = join(folder, 'c', '0.log');
  const writer = new LogWriter(path, { maxBytes, clock, onError: (error) => errors.push(error) });
  const write = (text: string, stream: 'stdout' | 'stderr' = 'stdout') => writer.write(stream, Buffer.from(text));
  const open = (options: Partial<ReadOptions> = {}, signal = new AbortController().signal) =>
    readLog(path, { follow: false, timestamps: false, ...options }, writer, signal);
  const read = async (options: Partial<ReadOptions> = {}) => {
    let text = '';
    for await (const chunk of open(options)) text += chunk.toString();
    return text;
  };
  return { path, clock, writer, write, open, read, errors };
}

test('keeps lines with time and stream, in the format of container runtimes', async () => {
  const { path, writer, write, clock } = await openLog();
  write('one\ntw');
  await clock.advance(1_500);
  write('oops\n', 'stderr');
  write('o');
  writer.close();
  expect(await readFile(path, 'utf8')).toBe(
    [
      '2026-01-01T00:00:00.000000000Z stdout F one',
      '2026-01-01T00:00:01.500000000Z stderr F oops',
      '2026-01-01T00:00:01.500000000Z stdout F two',
      '',
    ].join('\n'),
  );
});

test('reads back what was written, with timestamps when asked for', async () => {
  const { write, read } = await openLog();
  write('one\n\nthree with spaces\n');
  expect(await read()).toBe('one\n\nthree with spaces\n');
  expect(await read({ timestamps: true, tailLines: 1 })).toBe('2026-01-01T00:00:00.000000000Z three with spaces\n');
});

test('reads the last lines, across a rotation, and a limit of bytes', async () => {
  const { write, read, path } = await openLog(2_000);
  for (let line = 0; line < 60; line += 1) write(`line ${line}\n`);
  expect((await stat(rotatedPath(path))).size).toBeGreaterThan(0);
  const tail = (count: number) => Array.from({ length: count }, (_, index) => `line ${60 - count + index}\n`).join('');
  for (const count of [0, 1, 5, 45]) expect(await read({ tailLines: count })).toBe(tail(count));
  expect(await read({ tailLines: 2, limitBytes: 9 })).toBe('line 58\nl');
});

test('holds between one and two times its limit', async () => {
  const { write, path } = await openLog(1_000);
  for (let line = 0; line < 200; line += 1) write(`line ${line}\n`);
  const sizes = [(await stat(path)).size, (await stat(rotatedPath(path))).size];
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
});

test('reads what was written since an instant', async () => {
  const { write, read, clock } = await openLog();
  write('old\n');
  await clock.advance(10_000);
  write('new\n');
  expect(await read({ since: clock.now() - 5_000 })).toBe('new\n');
});

test('follows through a rotation until the container ends', async () => {
  const { write, writer, open } = await openLog(300);
  write('line 0\n');
  let text = '';
  let written = 1;
  for await (const chunk of open({ follow: true })) {
    text += chunk;
    if (written < 30) write(`line ${written}\n`);
    else writer.close();
    written += 1;
  }
  expect(text).toBe(Array.from({ length: 30 }, (_, line) => `line ${line}\n`).join(''));
  expect(writer.rotations).toBeGreaterThan(1);
});

test('stops following when the reader goes away', async () => {
  const { open } = await openLog();
  const reader = new AbortController();
  const next = open({ follow: true }, reader.signal).next();
  reader.abort(new Error('gone'));
  await expect(next).rejects.toThrow('gone');
});

test('joins any output again, however it was cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(fc.nat(50), { maxLength: 20 }),
      fc.nat(2),
      async (piece, cuts, repeats) => {
        const { writer, read } = await openLog();
        const text = `${piece.repeat(10 ** repeats)}\n`.replaceAll('\r', '');
        let rest = Buffer.from(text);
        for (const cut of cuts) {
          writer.write('stdout', rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        writer.write('stdout', rest);
        writer.close();
        expect(await read()).toBe(Buffer.from(text).toString());
      },
    ),
    { numRuns: 25 },
  );
});
