import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentStatus } from '../core/agent-contract.ts';
import { type FileServer, ggufOf, startFileServer } from './artifacts/download/file-server.fixture.ts';
import { phaseIs, startTestWorker } from './worker.fixture.ts';

const content = ggufOf(400_000);
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

const worker = () => startTestWorker({ source: server.url, cacheDir });

test('shows the bytes of a download; a second worker on the same cache waits, shows them too, and fetches nothing', async () => {
  const resume = Promise.withResolvers<void>();
  server.trouble = () => ({ stallAfter: 100_000, resume: resume.promise });
  await using first = await worker();
  await expect.poll(async () => (await first.status()).bytesDone).toBe(100_000);
  expect(agentStatus.parse(await first.status())).toMatchObject({ phase: 'Fetching', percent: 25, bytesTotal: 400_000, message: null });
  await using second = await worker();
  await expect.poll(second.status).toMatchObject({
    ...{ phase: 'Fetching', percent: 25, bytesDone: 100_000, bytesTotal: 400_000, reason: null },
    message: expect.stringContaining('fetches the same file into the shared cache'),
  });
  resume.resolve();
  await Promise.all([first, second].map((one) => phaseIs(one, 'Ready')));
  expect(await second.status()).toMatchObject({ percent: 100, message: null });
  expect(server.requests).toHaveLength(1);
});

test('a download of unknown length has no percent and no remaining time', async () => {
  const resume = Promise.withResolvers<void>();
  server.length = false;
  server.trouble = () => ({ stallAfter: 100_000, resume: resume.promise });
  await using one = await worker();
  await expect.poll(async () => (await one.status()).bytesDone).toBe(100_000);
  const status = agentStatus.parse(await one.status());
  expect(status).toMatchObject({ phase: 'Fetching', percent: null, bytesTotal: null, etaSeconds: null });
  expect(await (await fetch(`${one.management}/metrics`)).text()).toMatch(/modelfleet_worker_load_percent\{.*\} Nan/i);
  resume.resolve();
  await phaseIs(one, 'Ready');
});

test('a worker that starts again uses the cache, also without the server', async () => {
  {
    await using one = await worker();
    await phaseIs(one, 'Ready');
  }
  server.trouble = () => ({ status: 503 });
  await using again = await worker();
  await phaseIs(again, 'Ready');
  expect(server.requests).toHaveLength(2);
});

test('a download that fails for good is Failed with host, path and remedy', async () => {
  server.trouble = () => ({ status: 404 });
  await using one = await worker();
  await phaseIs(one, 'Failed');
  expect(await one.status()).toMatchObject({
    reason: 'SourceNotFound',
    message: `${new URL(server.url).host}/models/tiny.gguf: the server answered 404.`,
  });
});

test('stops in the middle of a download, and keeps what came', async () => {
  server.trouble = (index) => (index === 0 ? { stallAfter: 100_000, resume: new Promise(() => undefined) } : undefined);
  {
    await using one = await worker();
    await expect.poll(async () => (await one.status()).bytesDone).toBe(100_000);
  }
  await using again = await worker();
  await phaseIs(again, 'Ready');
  expect(server.requests.at(-1)?.headers.range).toBe('bytes=100000-');
});
