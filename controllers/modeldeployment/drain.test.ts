import { expect, test } from 'vitest';
import { drainDueMs, drainEnd } from './drain.ts';
import { agent, loaded, t0 } from './testing/makers.fake.ts';

const timeoutMs = 60_000;
const busy = agent({ phase: 'Ready', inFlight: 1, draining: true });
const idle = agent({ phase: 'Ready', draining: true });
const draining = (fields = {}) => loaded({ ready: false, leaving: true, drainingSince: t0, agent: busy, ...fields });

test.each([
  ['still answers a request', draining(), undefined],
  ['has a request that waits', draining({ agent: agent({ waiting: 1, draining: true }) }), undefined],
  ['has answered all', draining({ agent: idle }), 'Drained'],
  ['has nothing to do, but may get more: its agent does not drain yet', draining({ agent: agent({ phase: 'Ready' }) }), undefined],
  ['tells nothing', draining({ agent: undefined }), undefined],
  ['no longer runs', draining({ agent: undefined, running: false }), 'Drained'],
  ['is on a node that is gone', draining({ lost: true }), 'Lost'],
  ['is being deleted', draining({ agent: idle, terminating: true }), undefined],
  ['does not drain', loaded({ agent: idle }), undefined],
])('a replica that %s', (_, replica, end) => expect(drainEnd(replica, timeoutMs, t0 + timeoutMs - 1)).toBe(end));

test('goes when its time is up, whatever it still does', () => {
  expect(drainDueMs(draining(), timeoutMs, t0 + 10_000)).toBe(50_000);
  expect(drainEnd(draining(), timeoutMs, t0 + timeoutMs)).toBe('DrainTimeout');
  expect(drainDueMs(draining(), timeoutMs, t0 + 2 * timeoutMs)).toBe(0);
});

test('has no time of its own once it is being deleted, or while it does not drain', () => {
  expect(drainDueMs(draining({ terminating: true }), timeoutMs, t0)).toBeUndefined();
  expect(drainDueMs(loaded(), timeoutMs, t0)).toBeUndefined();
});
