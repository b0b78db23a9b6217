import { expect, test } from 'vitest';
import { done, outcomeOfError, outcomeOfResult, requeueAfter, TerminalError } from './result.ts';

test.each([
  ['done', outcomeOfResult(done()), { result: 'success', next: { kind: 'forget' } }],
  ['requeueAfter', outcomeOfResult(requeueAfter(5)), { result: 'requeue_after', next: { kind: 'after', ms: 5 } }],
  ['an error', outcomeOfError(new Error('no')), { result: 'error', terminal: false, panic: false, next: { kind: 'retry' } }],
  ['a terminal error', outcomeOfError(new TerminalError('no')), { result: 'error', terminal: true, next: { kind: 'forget' } }],
  ['a bug', outcomeOfError(new TypeError('x is undefined')), { result: 'error', panic: true, next: { kind: 'retry' } }],
  ['a thrown string', outcomeOfError('oops'), { result: 'error', panic: true, next: { kind: 'retry' } }],
])('%s', (_name, outcome, expected) => {
  expect(outcome).toMatchObject(expected);
});
