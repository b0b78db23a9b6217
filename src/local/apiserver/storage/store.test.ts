import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JsonObject } from '../../../core/json.ts';
import { silentLogger } from '../../../core/logger.ts';
import { nameOf } from '../object.ts';
import type { JournalFile } from './journal.ts';
import { StorageError, Store } from './store.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'modelfleet-store-'));
  path = join(directory, 'journal.ndjson');
});
afterEach(() => rm(directory, { recursive: true }));

const openStore = (options: Partial<Parameters<typeof Store.open>[0]> = {}) => Store.open({ path, logger: silentLogger, ...options });
const named = (name: string, value: number): JsonObject => ({ metadata: { name }, value });
const put = (store: Store, name: string, value: number) => store.write('/things', name, () => ({ op: 'put', object: named(name, value) }));

type Step = { readonly name: string; readonly value: number | undefined };
const steps = fc.array(fc.record({ name: fc.constantFrom('a', 'b', 'c'), value: fc.option(fc.nat(5), { nil: undefined }) }), {
  minLength: 1,
  maxLength: 30,
});
const run = (store: Store, { name, value }: Step) =>
  value === undefined ? store.write('/things', name, () => ({ op: 'delete' })) : put(store, name, value);

test('from any revision, the list then and the events since make the list now', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (sequence, together) => {
      await rm(path, { force: true });
      const store = await openStore();
      if (together) await Promise.all(sequence.map((step) => run(store, step)));
      else for (const step of sequence) await run(store, step);

      for (let rv = 0; rv <= store.revision; rv += 1) {
        const then = store.listAt('/things', rv);
        const replayed = new Map((then ?? []).map((object) => [nameOf(object), object]));
        for (const event of store.eventsSince('/things', rv) ?? []) {
          if (event.type === 'DELETED') replayed.delete(event.key);
          else replayed.set(event.key, event.object);
        }
        expect([...replayed.values()].sort(byName)).toEqual(store.list('/things'));
      }
      await store.close();
    }),
    { numRuns: 40 },
  );
});

test('holds the same objects, revisions and history after a restart', async () => {
  const store = await openStore();
  await put(store, 'a', 1);
  const seen = store.revision;
  await put(store, 'a', 2);
  await put(store, 'b', 1);
  await store.write('/things', 'b', () => ({ op: 'delete' }));
  await store.close();

  const reopened = await openStore();

  expect(reopened.revision).toBe(store.revision);
  expect(reopened.list('/things')).toEqual(store.list('/things'));
  expect(reopened.eventsSince('/things', seen)).toEqual(store.eventsSince('/things', seen));
  await reopened.close();
});

test('writers that come together see each other', async () => {
  const store = await openStore();
  const increment = () =>
    store.write('/things', 'counter', (current) => ({ op: 'put', object: named('counter', Number(current?.value ?? 0) + 1) }));

  await Promise.all(Array.from({ length: 50 }, increment));

  expect(store.get('/things', 'counter')?.value).toBe(50);
  await store.close();
});

test('readers see a write only when it is on disk', async () => {
  const store = await openStore();
  const writing = put(store, 'a', 1);

  expect(store.get('/things', 'a')).toBeUndefined();
  await writing;

  expect(store.get('/things', 'a')?.value).toBe(1);
  await store.close();
});

test('forgets the oldest changes beyond its history', async () => {
  const store = await openStore({ historySize: 10 });
  for (let value = 0; value < 30; value += 1) await put(store, 'a', value);

  expect(store.eventsSince('/things', 1)).toBeUndefined();
  expect(store.listAt('/things', 1)).toBeUndefined();
  expect(store.eventsSince('/things', store.floor('/things'))?.length).toBeGreaterThanOrEqual(10);
  await store.close();
});

test('compacts the journal when most of it is superseded', async () => {
  const store = await openStore();
  await put(store, 'kept', 1);
  for (let n = 0; n < 60; n += 1) {
    await store.write('/things', 'big', () => ({ op: 'put', object: { ...named('big', n), text: 'x'.repeat(100_000) } }));
  }
  await store.close();

  expect((await stat(path)).size).toBeLessThan(4_500_000);
  const reopened = await openStore();
  expect(reopened.list('/things')).toEqual(store.list('/things'));
  expect(reopened.revision).toBe(store.revision);
  expect(reopened.listAt('/things', 1)).toBeUndefined();
  await reopened.close();
});

test('a write that the disk refuses leaves memory and journal as they were', async () => {
  const disk = { full: false };
  const store = await openStore({ openFile: async (file, flags, mode) => refusing(await open(file, flags, mode), disk) });
  await put(store, 'a', 1);
  disk.full = true;

  const outcomes = await Promise.allSettled([put(store, 'a', 2), put(store, 'a', 3), put(store, 'b', 1)]);
  disk.full = false;

  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(outcomes[0]).toMatchObject({ reason: expect.any(StorageError) });
  expect(outcomes[0]).toMatchObject({ reason: { diskFull: true } });
  expect(store.list('/things').map(({ value }) => value)).toEqual([1]);
  await put(store, 'c', 1);
  await store.close();
  const reopened = await openStore();
  expect(reopened.list('/things').map(nameOf)).toEqual(['a', 'c']);
  await reopened.close();
});

test('loses no acknowledged write when its process is killed', async () => {
  const script = `
    import { silentLogger } from ${JSON.stringify(new URL('../../../core/logger.ts', import.meta.url).href)};
    import { Store } from ${JSON.stringify(new URL('./store.ts', import.meta.url).href)};
    const store = await Store.open({ path: process.argv[1], logger: silentLogger });
    const write = async (n) => {
      await store.write('/things', 'k' + n, () => ({ op: 'put', object: { metadata: { name: 'k' + n } } }));
      process.stdout.write('k' + n + '\\n');
    };
    for (let n = 0; ; n += 4) await Promise.all([write(n), write(n + 1), write(n + 2), write(n + 3)]);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === 100) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');

  const store = await openStore();

  expect(acknowledged.length).toBeGreaterThanOrEqual(100);
  expect(store.list('/things').map(nameOf)).toEqual(expect.arrayContaining(acknowledged));
  await store.close();
});

function byName(a: JsonObject, b: JsonObject): number {
  return nameOf(a) < nameOf(b) ? -1 : 1;
}

function refusing(file: JournalFile, disk: { readonly full: boolean }): JournalFile {
  return {
    write: ((buffer: Buffer, offset: number, length: number, position: number) => {
      if (disk.full) return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
      return file.write(buffer, offset, length, position);
    }) as JournalFile['write'],
    datasync: () => file.datasync(),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  };
}
