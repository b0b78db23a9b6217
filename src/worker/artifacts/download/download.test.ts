import { type FileHandle, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TestApiServer } from '../../../../test/fakes/api-server.ts';
import { download } from './download.ts';
import { type FileServer, ggufOf, impatientClock, startFileServer } from './file-server.fixture.ts';
import { HttpClient, type HttpClientOptions } from './http-client.ts';

const content = ggufOf(300_000);
const never = new AbortController().signal;
let directory: string;
let server: FileServer;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'download-'));
  server = await startFileServer(content);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

type Run = { readonly bytes: [number, number | null][]; readonly remarks: string[]; readonly slept: number[]; path: string };

/** Downloads what the server has; `seen` remembers what was reported, also when it fails. */
async function run(seen: Partial<Run> = {}, options: HttpClientOptions = {}, url = server.url, signal = never): Promise<Run> {
  await using client = new HttpClient(options);
  const clock = impatientClock();
  const result: Run = Object.assign(seen, { bytes: [], remarks: [], slept: clock.slept, path: '' });
  const file = await download(
    new URL(url),
    {
      ...{ client, directory, clock },
      onBytes: (done, total) => result.bytes.push([done, total]),
      onRemark: (message) => message !== null && result.remarks.push(message),
    },
    signal,
  );
  result.path = file.path;
  return result;
}

const ranges = () => server.requests.map((request) => request.headers.range);

test('tells real bytes up to the length that the server tells', async () => {
  const { bytes, path: file } = await run();
  expect(bytes[0]).toEqual([0, content.length]);
  expect(bytes.at(-1)).toEqual([content.length, content.length]);
  expect(await readFile(file)).toEqual(content);
});

test('goes on where the connection broke', async () => {
  server.trouble = (index) => (index === 0 ? { cutAfter: 100_000 } : undefined);
  const { path: file, remarks, bytes } = await run();
  expect(await readFile(file)).toEqual(content);
  const [first, second] = ranges();
  expect(first).toBeUndefined();
  expect(Number(/bytes=(\d+)-/.exec(second ?? '')?.[1])).toBeGreaterThan(0);
  expect(server.requests[1]?.headers['if-range']).toBe('"one"');
  expect(remarks.join()).toMatch(/127.0.0.1:\d+\/models\/tiny.gguf: .* Trying again in \d+s\./);
  expect(bytes.map(([done]) => done)).toEqual(bytes.map(([done]) => done).toSorted((a, b) => a - b));
});

test('a later download goes on where an earlier one was stopped', async () => {
  const stop = new AbortController();
  server.trouble = (index) => (index === 0 ? { stallAfter: 100_000, resume: new Promise(() => undefined) } : undefined);
  const seen: Partial<Run> = {};
  const stopped = run(seen, {}, server.url, stop.signal);
  await expect.poll(() => seen.bytes?.at(-1)?.[0]).toBe(100_000);
  stop.abort(new Error('stopped'));
  await expect(stopped).rejects.toThrow('stopped');
  const { path: file } = await run();
  expect(await readFile(file)).toEqual(content);
  expect(ranges()).toEqual([undefined, 'bytes=100000-']);
});

test('a date goes for a validator when there is no ETag, but only if it is old enough to be strong', async () => {
  server.etag = undefined;
  server.lastModified = new Date(Date.now() - 60_000).toUTCString();
  server.trouble = (index) => (index === 0 ? { cutAfter: 100_000 } : undefined);
  await run();
  expect(server.requests[1]?.headers['if-range']).toBe(server.lastModified);
  server.lastModified = new Date(Date.now() + 60_000).toUTCString();
  await rm(directory, { recursive: true });
  server.requests.length = 0;
  const { path: file } = await run();
  expect(ranges()).toEqual([undefined, undefined]);
  expect(await readFile(file)).toEqual(content);
});

test('a weak ETag is no base to continue on', async () => {
  server.etag = 'W/"one"';
  server.lastModified = new Date(Date.now() - 60_000).toUTCString();
  server.trouble = (index) => (index === 0 ? { cutAfter: 100_000 } : undefined);
  expect(await readFile((await run()).path)).toEqual(content);
  expect(ranges()).toEqual([undefined, undefined]);
});

test('begins anew, and says so, when the file changes on the way', async () => {
  const next = ggufOf(200_000, 7);
  server.trouble = (index) => {
    if (index === 0) return { cutAfter: 100_000 };
    server.content = next;
    server.etag = '"two"';
    return undefined;
  };
  const { path: file, remarks, bytes } = await run();
  expect(await readFile(file)).toEqual(next);
  expect(remarks.join()).toContain('has changed');
  expect(bytes.at(-1)).toEqual([200_000, 200_000]);
  expect((await readdir(directory)).filter((name) => name.endsWith('.partial'))).toHaveLength(1);
});

test('a server that changes the file under the same ETag cannot mix two files', async () => {
  server.trouble = (index) => {
    if (index === 0) return { cutAfter: 100_000 };
    server.content = ggufOf(250_000, 7);
    return undefined;
  };
  expect(await readFile((await run()).path)).toEqual(server.content);
});

test('whatever connections do, the result is the file', async () => {
  const cuts = fc.array(fc.nat({ max: 120_000 }), { maxLength: 8 });
  const servers = fc.record({
    ranges: fc.boolean(),
    etag: fc.constantFrom('"a"', 'W/"a"', undefined),
    length: fc.boolean(),
    seed: fc.nat(99),
  });
  await fc.assert(
    fc.asyncProperty(cuts, servers, fc.option(fc.nat(7)), async (at, { seed, ...behaviour }, changeAt) => {
      await rm(directory, { recursive: true, force: true });
      server.requests.length = 0;
      Object.assign(server, behaviour, { content: ggufOf(150_000, seed) });
      server.trouble = (index) => {
        if (index === changeAt) {
          server.content = ggufOf(140_000 + index, seed + 1);
          if (server.etag) server.etag = server.etag.replace('a', 'b');
        }
        const cutAfter = at[index];
        return cutAfter === undefined ? undefined : { cutAfter };
      };
      try {
        expect(Buffer.compare(await readFile((await run()).path), server.content)).toBe(0);
      } catch (error) {
        // Without ranges, eight connections that break are more than it bears; then it fails, and has no result.
        expect(error).toMatchObject({ reason: 'SourceUnreachable' });
      }
    }),
    { numRuns: 60 },
  );
});

test('a length that is not known is not invented', async () => {
  server.length = false;
  const { bytes, path: file } = await run();
  expect(new Set(bytes.map(([, total]) => total))).toEqual(new Set([null]));
  expect(await readFile(file)).toEqual(content);
});

test('a file that is shorter than its promised length is told, and nothing counts as whole', async () => {
  server.length = content.length + 10;
  await expect(run()).rejects.toMatchObject({ reason: 'SourceUnreachable' });
  await expect(run()).rejects.toThrow(/tiny\.gguf: /);
});

test.each([
  [404, 'SourceNotFound', 1],
  [410, 'SourceNotFound', 1],
  [401, 'SourceUnauthorized', 1],
  [403, 'SourceUnauthorized', 1],
  [400, 'SourceUnreachable', 1],
  [429, 'SourceRateLimited', 5],
  [503, 'SourceUnreachable', 5],
])('%d is %s after %d tries, named with host and path, not with query or credentials', async (status, reason, tries) => {
  server.trouble = () => ({ status });
  const { host } = new URL(server.url);
  const asked = run({}, { token: 'secret-token' }, `${server.url}?X-Signature=secret`);
  await expect(asked).rejects.toMatchObject({ reason, message: `${host}/models/tiny.gguf: the server answered ${status}.` });
  expect(server.requests).toHaveLength(tries);
});

test('waits as long as the server asks for', async () => {
  server.trouble = (index) => (index === 0 ? { status: 429, headers: { 'retry-after': '90' } } : undefined);
  const { slept, remarks } = await run();
  expect(slept).toEqual([90_000]);
  expect(remarks.join()).toContain('answered 429. Trying again in 1m30s.');
});

test('goes on as long as tries get further, however many', async () => {
  server.trouble = (index) => (index < 20 ? { cutAfter: 14_000 } : undefined);
  expect(await readFile((await run()).path)).toEqual(content);
  expect(server.requests.length).toBeGreaterThan(10);
});

test('a server that falls silent is asked again', async () => {
  server.trouble = (index) => (index === 0 ? { stallAfter: 50_000, resume: new Promise(() => undefined) } : undefined);
  const { path: file } = await run({}, { silenceMs: 300 });
  expect(await readFile(file)).toEqual(content);
  expect(ranges()).toEqual([undefined, 'bytes=50000-']);
});

test('a server that is not there is SourceUnreachable', async () => {
  await expect(run({}, {}, 'http://127.0.0.1:9/a.gguf')).rejects.toMatchObject({
    reason: 'SourceUnreachable',
    message: expect.stringMatching(/^127.0.0.1:9\/a.gguf: .*ECONNREFUSED/),
  });
});

test('follows redirects; the token goes to the first host only', async () => {
  await using other = await startFileServer(content);
  server.trouble = () => ({ status: 302, headers: { location: `${other.url}?signature=secret` } });
  await run({}, { token: 'mine' });
  expect(server.requests[0]?.headers.authorization).toBe('Bearer mine');
  expect(other.requests[0]?.headers.authorization).toBeUndefined();
  expect(other.requests[0]?.url).toContain('signature=secret');
});

test('keeps the token on a redirect within the host, and ends a circle', async () => {
  server.trouble = (index) => (index === 0 ? { status: 302, headers: { location: '/elsewhere.gguf' } } : undefined);
  await run({}, { token: ' mine\n' });
  expect(server.requests[1]?.headers.authorization).toBe('Bearer mine');
  server.trouble = () => ({ status: 302, headers: { location: '/models/tiny.gguf' } });
  await expect(run()).rejects.toMatchObject({ reason: 'SourceUnreachable' });
});

test('a compressed answer is refused with what to do', async () => {
  server.trouble = () => ({ headers: { 'content-encoding': 'gzip' } });
  await expect(run()).rejects.toThrow(/compresses the file \(gzip\); serve it as it is/);
});

test('refuses before the first byte what the disk has no room for', async () => {
  server.length = 2 ** 60;
  await expect(run()).rejects.toMatchObject({ reason: 'OutOfDisk' });
  expect((await readdir(directory)).filter((name) => name.endsWith('.partial'))).toEqual([]);
});

test.each([
  ['ENOSPC', 'OutOfDisk'],
  ['EDQUOT', 'OutOfDisk'],
  ['EIO', 'CacheNotWritable'],
])('a disk that says %s in the middle of the file is %s, and what came stays for the next try', async (code, reason) => {
  server.pace = 10_000;
  const probe = await open(directory);
  const handle = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const { writev } = handle;
  let batches = 0;
  const spy = vi.spyOn(handle, 'writev').mockImplementation(function (this: FileHandle, ...call: Parameters<FileHandle['writev']>) {
    batches += 1;
    return batches > 2 ? Promise.reject(Object.assign(new Error(`${code}: write`), { code })) : writev.apply(this, call);
  });
  try {
    await expect(run()).rejects.toMatchObject({ reason, message: expect.stringContaining(directory) });
  } finally {
    spy.mockRestore();
  }
  expect(server.requests).toHaveLength(1); // trying again would not help
  expect(await readFile((await run()).path)).toEqual(content);
  expect(server.requests[1]?.headers.range).toMatch(/^bytes=\d+-$/);
});

test('a server whose certificate nobody vouches for is SourceUntrusted, and is not asked again', async () => {
  await using stranger = await TestApiServer.start();
  const seen: Partial<Run> = {};
  await expect(run(seen, {}, `${stranger.server.url}/tiny.gguf`)).rejects.toMatchObject({
    reason: 'SourceUntrusted',
    message: expect.stringMatching(/\/tiny\.gguf: .*certificate.* \([A-Z_]+\)\.$/),
  });
  expect(seen.slept).toEqual([]);
});

test('a token that no header can carry is refused without being told', () => {
  expect(() => new HttpClient({ token: 'se cret' })).toThrow(/^MODEL_SOURCE_TOKEN holds characters/);
});
