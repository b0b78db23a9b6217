import { expect, test } from 'vitest';
import { checkRoom, diskFailure, diskFull, makeDirectory } from './disk.ts';

const error = (code: string) => Object.assign(new Error(code), { code });

test.each([
  ['ENOSPC', 'OutOfDisk', /^\/cache is full/],
  ['EDQUOT', 'OutOfDisk', /^\/cache is full/],
  ['EROFS', 'CacheNotWritable', /^\/cache cannot be written by user \d+: it is mounted read-only \(EROFS\)/],
  ['EACCES', 'CacheNotWritable', /permissions/],
])('%s is %s', (code, reason, message) => {
  const failure = diskFailure(error(code), '/cache');
  expect(failure).toMatchObject({ reason, message: expect.stringMatching(message) });
  expect(failure?.remedy).toBeTruthy();
});

test('what is no fault of the disk is not blamed on it', () => {
  expect(diskFailure(error('ECONNRESET'), '/cache')).toBeUndefined();
  expect(diskFull(error('EACCES'), '/cache')).toBeUndefined();
});

test('a directory that cannot be made is told with the place that is at fault', async () => {
  await expect(makeDirectory('/dev/null/a/b')).rejects.toMatchObject({
    reason: 'CacheNotWritable',
    message: expect.stringContaining('/dev/null'),
  });
});

test('says how much room there is and how much is needed', async () => {
  await expect(checkRoom('/', 2 ** 60)).rejects.toThrow(/^\/ has .* free, .* are needed/);
});
