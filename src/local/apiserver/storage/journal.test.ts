import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CorruptJournalError, Journal, type JournalFile, type JournalRecord } from './journal.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'modelfleet-journal-'));
  path = join(directory, 'journal.ndjson');
});
afterEach(() => rm(directory, { recursive: true }));

const put = (rv: number, key = `k${rv}`, text = 'x'): JournalRecord => ({
  op: 'put',
  rv,
  resource: '/configmaps',
  key,
  object: { metadata: { name: key, resourceVersion: String(rv) }, data: { text } },
});

async function readBack(): Promise<readonly JournalRecord[]> {
  const { journal, contents } = await Journal.open(path);
  await journal.close();
  return contents.records;
}

test('holds after a kill at any byte every record that was acknowledged before', async () => {
  const batches = fc.array(fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(batches, fc.double({ min: 0, max: 1, noNaN: true }), async (texts, where) => {
      await rm(path, { force: true });
      const { journal } = await Journal.open(path);
      const header = (await readFile(path)).length;
      const acknowledged: { length: number; records: JournalRecord[] }[] = [];
      let rv = 0;
      let records: JournalRecord[] = [];
      for (const batch of texts) {
        const added = batch.map((text) => put(++rv, `k${rv}`, text));
        await journal.append(added);
        records = [...records, ...added];
        acknowledged.push({ length: (await readFile(path)).length, records });
      }
      await journal.close();
      const full = (await readFile(path)).length;
      const cut = header + Math.floor(where * (full - header));
      await truncate(path, cut);

      const survived = await readBack();

      const promised = acknowledged.filter(({ length }) => length <= cut).at(-1)?.records ?? [];
      expect(survived.slice(0, promised.length)).toEqual(promised);
      expect(survived).toEqual(records.slice(0, survived.length));
    }),
    { numRuns: 60 },
  );
});

test('goes on after a torn tail as if it had never been', async () => {
  const { journal } = await Journal.open(path);
  await journal.append([put(1)]);
  await journal.close();
  await writeFile(path, '{"crc":"0000', { flag: 'a' });

  const reopened = await Journal.open(path);
  await reopened.journal.append([put(2)]);
  await reopened.journal.close();

  expect(await readBack()).toEqual([put(1), put(2)]);
});

test('names the file and the offset of damage before the tail', async () => {
  const { journal } = await Journal.open(path);
  await journal.append([put(1)]);
  const offset = (await readFile(path)).length;
  await journal.append([put(2), put(3)]);
  await journal.close();
  const bytes = await readFile(path);
  bytes[offset + 40] = (bytes[offset + 40] ?? 0) ^ 1;
  await writeFile(path, bytes);

  const opening = Journal.open(path);

  await expect(opening).rejects.toThrow(CorruptJournalError);
  await expect(opening).rejects.toThrow(`${path} is damaged at byte ${offset}`);
});

test('a full disk loses the refused write only', async () => {
  let room = Number.POSITIVE_INFINITY;
  const { journal } = await Journal.open(path, async (file, flags, mode) => limited(await open(file, flags, mode), () => room));
  await journal.append([put(1)]);
  room = 30;

  await expect(journal.append([put(2)])).rejects.toMatchObject({ code: 'ENOSPC' });
  room = Number.POSITIVE_INFINITY;
  await journal.append([put(3)]);
  await journal.close();

  expect(await readBack()).toEqual([put(1), put(3)]);
});

test('compaction keeps the revision and forgets what was superseded', async () => {
  const { journal } = await Journal.open(path);
  await journal.append([put(1, 'a'), put(2, 'a'), put(3, 'b'), { op: 'delete', rv: 4, resource: '/configmaps', key: 'b' }]);

  await journal.compact(4, [put(2, 'a')]);
  await journal.append([put(5, 'c')]);
  await journal.close();

  const { journal: reopened, contents } = await Journal.open(path);
  await reopened.close();
  expect(contents).toEqual({ baseRevision: 4, records: [put(2, 'a'), put(5, 'c')] });
});

test('a failed compaction leaves the journal in use', async () => {
  let full = false;
  const { journal } = await Journal.open(path, async (file, flags, mode) =>
    limited(await open(file, flags, mode), () => (full ? 0 : Infinity)),
  );
  await journal.append([put(1)]);
  full = true;

  await expect(journal.compact(1, [put(1)])).rejects.toMatchObject({ code: 'ENOSPC' });
  full = false;
  await journal.append([put(2)]);
  await journal.close();

  expect(await readBack()).toEqual([put(1), put(2)]);
});

/** A file on a disk with so much room left for each write: what fits is written, then it fails. */
function limited(file: JournalFile, room: () => number): JournalFile {
  return {
    write: (async (buffer: Buffer, offset: number, length: number, position: number) => {
      if (length <= room()) return file.write(buffer, offset, length, position);
      if (room() > 0) await file.write(buffer, offset, room(), position);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    }) as JournalFile['write'],
    datasync: () => file.datasync(),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  };
}
