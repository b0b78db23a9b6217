import { expect, test } from 'vitest';
import { describeError, Failure } from './failure.ts';

test('a cause follows a message that does not end as a sentence', () => {
  const error = new Error('Cannot read the manifest x.yaml', { cause: new Error('no such file') });
  expect(describeError(error)).toBe('Cannot read the manifest x.yaml: no such file');
});

test('a whole sentence stands alone, its cause is for the log', () => {
  expect(describeError(new Error('The disk is full.', { cause: new Error('ENOSPC') }))).toBe('The disk is full.');
});

test('what is no error is shown as it is', () => expect(describeError('stop')).toBe('stop'));

test('a failure knows its remedy', () => {
  expect(new Failure('OutOfDisk', 'No room for x.').remedy).toBe('The disk is full: free space, or expand the volume of the cache.');
});
