import { expect, test } from 'vitest';
import { reasons } from '../../src/core/reasons.ts';
import { explained } from './explain.ts';

test('what happened is followed by what to do', () =>
  expect(explained('OutOfDisk', '/cache is full')).toEqual({ reason: 'OutOfDisk', message: `/cache is full. ${reasons.OutOfDisk}` }));

test('what to do is said once, and alone where nobody says what happened', () => {
  const { message } = explained('OutOfDisk', '/cache is full.');
  expect(explained('OutOfDisk', message).message).toBe(message);
  expect(explained('OutOfDisk', '').message).toBe(reasons.OutOfDisk);
});

test('long words are cut to what the API takes, what to do is not', () => {
  const { message } = explained('EngineCrashed', 'x'.repeat(60_000));
  expect(message.length).toBeLessThanOrEqual(4096);
  expect(message).toMatch(/x… The engine ended unexpectedly: read the logs of the pod\.$/);
});

test('a reason of another catalogue has no remedy', () =>
  expect(explained('ReplicasNotApplied', 'y'.repeat(5_000)).message).toHaveLength(4096));
