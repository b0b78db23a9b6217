import { expect, test } from 'vitest';
import type { Lease } from '../client/resources.ts';
import { claimed, decide, type Observation, observe, released } from './leader-election-core.ts';

const t0 = Date.UTC(2026, 0, 1);
const leaseMs = 15_000;

function leaseOf(holderIdentity: string, spec: Lease['spec'] = {}): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace: 'ns', name: 'l', resourceVersion: '1' },
    spec: { holderIdentity, leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z', leaseTransitions: 3, ...spec },
  };
}

const seenAt = (now: number, lease: Lease | undefined, before?: Observation) => observe(before, lease, now, leaseMs);

test('a lease that is absent, given up, expired or ours may be claimed; another one may not', () => {
  expect(decide(seenAt(0, undefined), 'me', 0)).toEqual({ kind: 'claim' });
  expect(decide(seenAt(0, leaseOf('', { leaseDurationSeconds: 1 })), 'me', 0)).toEqual({ kind: 'claim' });
  expect(decide(seenAt(0, leaseOf('me')), 'me', 60_000)).toEqual({ kind: 'claim' });
  expect(decide(seenAt(0, leaseOf('other')), 'me', 14_999)).toEqual({ kind: 'wait', until: 15_000 });
  expect(decide(seenAt(0, leaseOf('other')), 'me', 15_000)).toEqual({ kind: 'claim' });
});

test('a lease counts from when its record was seen to change, whatever its timestamps say', () => {
  const ancient = leaseOf('other', { renewTime: '1999-01-01T00:00:00.000000Z' });
  const first = seenAt(0, ancient);
  expect(first.heldUntil).toBe(15_000);

  const touched = { ...ancient, metadata: { ...ancient.metadata, resourceVersion: '2' } };
  const second = seenAt(9_000, touched, first);
  expect(second).toEqual({ lease: touched, holder: 'other', heldUntil: 15_000 });

  const renewed = leaseOf('other', { renewTime: '1999-01-01T00:00:02.000000Z' });
  expect(seenAt(10_000, renewed, second).heldUntil).toBe(25_000);
});

test('the duration that the holder promised counts, and ours where it promised none', () => {
  expect(seenAt(0, leaseOf('other', { leaseDurationSeconds: 60 })).heldUntil).toBe(60_000);
  const { leaseDurationSeconds: _, ...spec } = leaseOf('other').spec ?? {};
  expect(seenAt(0, { ...leaseOf('other'), spec }).heldUntil).toBe(leaseMs);
});

test('a lease deleted under its holder is left alone until the holder must have stopped', () => {
  const gone = seenAt(4_000, undefined, seenAt(0, leaseOf('other')));
  expect(decide(gone, 'me', 5_000)).toEqual({ kind: 'wait', until: 15_000 });
  expect(decide(gone, 'me', 15_000)).toEqual({ kind: 'claim' });
  expect(decide(gone, 'other', 5_000)).toEqual({ kind: 'claim' });
});

test('a takeover counts as a transition, a renewal does not', () => {
  const first = claimed(undefined, 'a', t0, leaseMs);
  expect(first).toEqual({
    holderIdentity: 'a',
    leaseDurationSeconds: 15,
    acquireTime: '2026-01-01T00:00:00.000000Z',
    renewTime: '2026-01-01T00:00:00.000000Z',
    leaseTransitions: 0,
  });
  const renewed = claimed(first, 'a', t0 + 2_345, leaseMs);
  expect(renewed).toEqual({ ...first, renewTime: '2026-01-01T00:00:02.345000Z' });
  const taken = claimed(renewed, 'b', t0 + 60_000, leaseMs);
  expect(taken).toMatchObject({ holderIdentity: 'b', acquireTime: '2026-01-01T00:01:00.000000Z', leaseTransitions: 1 });
});

test('a renewal is visible even when the wall clock was set back to the last one', () => {
  const first = claimed(undefined, 'a', t0, leaseMs);
  expect(claimed(first, 'a', t0, leaseMs).renewTime).toBe('2026-01-01T00:00:00.001000Z');
});

test('a release leaves no holder and the count of transitions, and keeps what others put there', () => {
  const spec = { ...leaseOf('me').spec, preferredHolder: 'x' };
  const instant = '2026-01-01T00:00:09.000000Z';
  expect(released(spec, t0 + 9_000)).toEqual({
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: instant,
    renewTime: instant,
    leaseTransitions: 3,
    preferredHolder: 'x',
  });
});
