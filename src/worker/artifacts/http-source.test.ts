import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FileServer, ggufOf, impatientClock, startFileServer } from './download/file-server.fixture.ts';
import type { ArtifactFile } from './source.ts';
import { sourceFor } from './sources.ts';

const content = ggufOf(200_000);
const digest = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
let cacheDir: string;
let server: FileServer;

beforeEach(async () => {
  cacheDir = await mkdtemp(path.join(tmpdir(), 'cache-'));
  server = await startFileServer(content);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(cacheDir, { recursive: true, force: true });
});

type Seen = { readonly fetched: [number, number | null][]; readonly verified: number[]; readonly remarks: string[]; file: ArtifactFile };
type Wanted = {
  readonly url?: string;
  readonly patterns?: string[];
  readonly checksums?: Record<string, string>;
  readonly signal?: AbortSignal;
};

/** Fetches as one replica; `seen` fills while it works. */
async function replica(wanted: Wanted = {}, seen: Partial<Seen> = {}): Promise<Seen> {
  const { url = server.url, patterns = [], checksums = {}, signal = new AbortController().signal } = wanted;
  const result: Seen = Object.assign(seen, { fetched: [], verified: [], remarks: [], file: { name: '', path: '', bytes: 0 } });
  const report = {
    fetched: (done: number, total: number | null) => void result.fetched.push([done, total]),
    verified: (done: number) => void result.verified.push(done),
    remark: (message: string | null) => void (message !== null && result.remarks.push(message)),
  };
  const source = sourceFor(url, { cacheDir, clock: impatientClock(), pathMap: {} });
  const [file] = await source.fetch({ patterns, checksums }, report, signal);
  if (file) result.file = file;
  return result;
}

const whole = async (seen: Seen) => Buffer.compare(await readFile(seen.file.path), server.content) === 0;

test('fetches once; then the server is only asked whether the file has changed', async () => {
  const first = await replica();
  expect([first.file.name, first.file.bytes, await whole(first)]).toEqual(['tiny.gguf', content.length, true]);
  expect(first.fetched.at(-1)).toEqual([content.length, content.length]);
  const second = await replica();
  expect(second.file).toEqual(first.file);
  expect(second.fetched).toEqual([]);
  expect(server.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"one"']);
});

test('with a pinned checksum the server is not asked at all', async () => {
  const checksums = { 'tiny.gguf': digest(content) };
  const first = await replica({ checksums });
  expect(first.verified.at(-1)).toBe(content.length);
  const second = await replica({ checksums });
  expect([second.file, second.verified, server.requests.length]).toEqual([first.file, [], 1]);
});

test('the same pinned bytes are shared by all URLs that serve them', async () => {
  const checksums = { 'tiny.gguf': digest(content) };
  const first = await replica({ checksums });
  const mirrored = await replica({ checksums, url: server.url.replace('/models/', '/mirror/') });
  expect([mirrored.file.path, server.requests.length]).toEqual([first.file.path, 1]);
});

test('other bytes than the pinned ones are discarded, and it says so', async () => {
  const pinned = { 'tiny.gguf': digest(ggufOf(100, 9)) };
  await expect(replica({ checksums: pinned })).rejects.toMatchObject({
    reason: 'ChecksumMismatch',
    message: expect.stringMatching(/tiny.gguf has sha256:[0-9a-f]{64}, but sha256:[0-9a-f]{64} is pinned; it was discarded/),
  });
  const left = await readdir(cacheDir, { recursive: true });
  expect(left.filter((name) => !name.startsWith('sha256-') || name.includes('/'))).toEqual([]);
});

test('a pinned file that was touched is read again, one that was changed is fetched again', async () => {
  const checksums = { 'tiny.gguf': digest(content) };
  const { file } = await replica({ checksums });
  await utimes(file.path, new Date(), new Date(0));
  await replica({ checksums });
  expect(server.requests).toHaveLength(1);
  await writeFile(file.path, ggufOf(content.length, 5));
  expect(await whole(await replica({ checksums }))).toBe(true);
  expect(server.requests).toHaveLength(2);
});

test('a file that is no longer whole is fetched again', async () => {
  const { file } = await replica();
  await writeFile(file.path, content.subarray(0, 1000));
  expect(await whole(await replica())).toBe(true);
});

test('a new version on the server is fetched; the old file stays for replicas that use it', async () => {
  const first = await replica();
  Object.assign(server, { content: ggufOf(150_000, 3), etag: '"two"' });
  const second = await replica();
  expect([await whole(second), second.file.path === first.file.path]).toEqual([true, false]);
  expect(await readFile(first.file.path)).toEqual(content);
});

test.each<[string, (server: FileServer) => void]>([
  ['is down', (down) => Object.assign(down, { trouble: () => ({ status: 503 }) })],
  ['refuses', (down) => Object.assign(down, { trouble: () => ({ status: 403 }) })],
  ['has lost the file', (down) => Object.assign(down, { trouble: () => ({ status: 404 }) })],
])('what is in the cache is used, with a remark, when the server %s', async (_, fails) => {
  const first = await replica();
  fails(server);
  const second = await replica();
  expect([second.file, second.remarks.join()]).toEqual([first.file, expect.stringContaining('in the cache is used')]);
});

test('what is in the cache is used when nothing listens any more', async () => {
  const first = await replica();
  await server[Symbol.asyncDispose]();
  expect((await replica()).file).toEqual(first.file);
  server = await startFileServer(content);
});

test('a new version that cannot be fetched leaves the old one in use', async () => {
  const first = await replica();
  Object.assign(server, { etag: '"two"', trouble: (index: number) => (index > 1 ? { status: 503 } : undefined) });
  const second = await replica();
  expect([second.file, second.remarks.at(-1)]).toEqual([first.file, expect.stringContaining('older file in the cache is used')]);
});

test('without any validator the length tells whether the file is the same', async () => {
  server.etag = undefined;
  const first = await replica();
  expect((await replica()).file).toEqual(first.file);
  server.content = ggufOf(100_000, 4);
  expect(await whole(await replica())).toBe(true);
});

test('replicas that share a cache fetch once; those that wait say so and show how far the other is', async () => {
  const resume = Promise.withResolvers<void>();
  server.trouble = () => ({ stallAfter: 50_000, resume: resume.promise });
  const seen: Partial<Seen>[] = [{}, {}, {}];
  const replicas = seen.map((one) => replica({}, one));
  await expect
    .poll(() => seen.filter(({ fetched = [] }) => fetched.some(([done, total]) => done === 50_000 && total === content.length)))
    .toHaveLength(3);
  expect(seen.filter(({ remarks = [] }) => remarks.join().includes('Waits for the replica'))).toHaveLength(2);
  resume.resolve();
  const all = await Promise.all(replicas);
  expect([new Set(all.map(({ file }) => file.path)).size, server.requests.length, await Promise.all(all.map(whole))]).toEqual([
    1,
    1,
    [true, true, true],
  ]);
});

test('a replica that waited goes on where the one that died had come', async () => {
  const stop = new AbortController();
  server.trouble = (index) => (index === 0 ? { stallAfter: 50_000, resume: new Promise(() => undefined) } : undefined);
  const seen: Partial<Seen> = {};
  const dying = replica({ signal: stop.signal }, seen);
  await expect.poll(() => seen.fetched?.at(-1)?.[0]).toBe(50_000);
  const waiting = replica();
  stop.abort(new Error('died'));
  await expect(dying).rejects.toThrow('died');
  expect(await whole(await waiting)).toBe(true);
  expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=50000-']);
});

test('a page that is no model gets no place in the cache', async () => {
  server.content = Buffer.from('<!DOCTYPE html><title>Log in</title>');
  await expect(replica()).rejects.toMatchObject({
    reason: 'UnsupportedModel',
    message: expect.stringMatching(/^127.*tiny.gguf is not a usable GGUF file.*web page/),
  });
  server.content = content;
  server.etag = '"two"';
  expect(await whole(await replica())).toBe(true);
});

const part = '/m-00001-of-00002.gguf';
test.each<[string, Wanted, string, RegExp]>([
  ['files', { patterns: ['*.gguf'] }, 'SourceNotFound', /names one file: leave spec.model.files \(--file \*.gguf\) out/],
  [
    'a pin of another file',
    { checksums: { 'other.gguf': 'sha256:0' } },
    'SourceNotFound',
    /pinned for other.gguf, but the source has only tiny.gguf/,
  ],
  [
    'credentials in the URL',
    { url: 'http://me:secret@127.0.0.1/a.gguf' },
    'SourceUnauthorized',
    /^127.0.0.1\/a.gguf: no credentials in the URL/,
  ],
  [
    'a URL without a .gguf file',
    { url: 'http://127.0.0.1/a.bin?key=secret' },
    'UnsupportedModel',
    /^127.0.0.1\/a.bin does not name a .gguf file/,
  ],
  ['a part of a split model', { url: `http://127.0.0.1${part}` }, 'UnsupportedModel', /is one part of a split model/],
])('refuses %s before anything is fetched', async (_, wanted, reason, message) => {
  await expect(replica(wanted)).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
  expect(server.requests).toEqual([]);
});

test('a cache that is not a directory is told', async () => {
  await rm(cacheDir, { recursive: true });
  await writeFile(cacheDir, '');
  await expect(replica()).rejects.toMatchObject({ reason: 'CacheNotWritable', message: expect.stringContaining('it is not a directory') });
  expect((await stat(cacheDir)).isFile()).toBe(true);
  await rm(cacheDir);
  await mkdir(cacheDir);
});
