import { describe, expect, test } from 'vitest';
import type { ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { paceOf } from './status-pace.ts';

const loading = { phase: 'Fetching', percent: 10, bytesDone: 100, etaSeconds: 50 } as const;
const faster = { name: 'fast', phase: 'Fetching', percent: 40, restarts: 0 } as const;
const before: ModelDeploymentStatus = {
  replicaStatuses: [faster],
  phase: 'Loading',
  loading,
  columns: { ready: '0/1', load: '10%', eta: '50s', queue: 0 },
};

test('a status that is the same is not written again', () => expect(paceOf(before, structuredClone(before), 1e9)).toBe('never'));

test('a null that the server dropped is no change', () => {
  const unknown = { ...before, loading: { ...loading, etaSeconds: null } };
  const { etaSeconds, ...dropped } = unknown.loading;
  expect(etaSeconds).toBeNull();
  expect(paceOf({ ...before, loading: dropped }, unknown, 1e9)).toBe('never');
});

test('the first status is written at once', () => expect(paceOf(undefined, before, 0)).toBe('now'));

describe.each<[string, ModelDeploymentStatus]>([
  ['a percent', { ...before, loading: { ...loading, percent: 11 } }],
  ['a phase', { ...before, loading: { ...loading, phase: 'Verifying' } }],
  ['the summary', { ...before, phase: 'Degraded' }],
  ['a count', { ...before, readyReplicas: 1 }],
])('%s', (_, next) => {
  test('is told at once', () => expect(paceOf(before, next, 1_000)).toBe('now'));
  test('is told a second after another write while it loads', () => expect(paceOf(before, next, 300)).toEqual({ afterMs: 700 }));
});

test('deployments that load at the same time share 25 writes a second', () => {
  const further = { ...before, loading: { ...loading, percent: 11 } };
  expect(paceOf(before, further, 1_000, 25)).toBe('now');
  expect(paceOf(before, further, 1_000, 100)).toEqual({ afterMs: 3_000 });
  expect(paceOf(before, { ...before, loading: { ...loading, bytesDone: 101 } }, 5_000, 200)).toEqual({ afterMs: 3_000 });
});

test('the end of loading waits for nothing', () => {
  const { loading: _, ...ready } = { ...before, phase: 'Ready' as const };
  expect(paceOf(before, ready, 0)).toBe('now');
});

test.each<[string, ModelDeploymentStatus]>([
  ['bytes', { ...before, loading: { ...loading, bytesDone: 101 } }],
  ['an ETA', { ...before, loading: { ...loading, etaSeconds: 49 } }],
  ['the percent of a faster replica', { ...before, replicaStatuses: [{ ...faster, percent: 41 }] }],
  ['a queue', { ...before, columns: { ready: '0/1', load: '10%', eta: '50s', queue: 9 } }],
])('%s can wait until five seconds have gone', (_, next) => {
  expect(paceOf(before, next, 1_000)).toEqual({ afterMs: 4_000 });
  expect(paceOf(before, next, 5_000)).toBe('now');
});
