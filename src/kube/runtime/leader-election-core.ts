import type { LeaseSpec } from 'kubernetes-types/coordination/v1.d.ts';
import type { Lease } from '../client/resources.ts';
import { microTimestamp } from '../time.ts';

/** What a candidate knows of the lease. Instants are local and monotonic: no clock is ever compared with another's. */
export type Observation = {
  /** As it was last read; undefined when it was not there. */
  readonly lease: Lease | undefined;
  /** Who holds it, empty when nobody does. Outlasts the lease's deletion: the holder may not have noticed yet. */
  readonly holder: string;
  /** Until when the holder may act: one lease after its record was last seen to change. */
  readonly heldUntil: number;
};

/** What a candidate is to do now. */
export type Decision = { readonly kind: 'claim' } | { readonly kind: 'wait'; readonly until: number };

/** Takes in a reading of the lease. A record that did not change since `before` is not a sign of life. */
export function observe(before: Observation | undefined, lease: Lease | undefined, now: number, leaseMs: number): Observation {
  if (lease === undefined) return { lease, holder: before?.holder ?? '', heldUntil: before?.heldUntil ?? now };
  if (before?.lease && isSameRecord(before.lease.spec, lease.spec)) return { ...before, lease };
  return { lease, holder: lease.spec?.holderIdentity ?? '', heldUntil: now + promisedMs(lease, leaseMs) };
}

/**
 * Decides whether the candidate may write its name into the lease: when that is free, expired or its own already
 * (client-go tryAcquireOrRenew). A deleted lease counts as held until its last holder must have stopped.
 */
export function decide(seen: Observation, self: string, now: number): Decision {
  const heldByOther = seen.holder !== '' && seen.holder !== self;
  return heldByOther && now < seen.heldUntil ? { kind: 'wait', until: seen.heldUntil } : { kind: 'claim' };
}

/** The record that claims the lease for `self`: a renewal keeps acquireTime and leaseTransitions, a takeover moves both. */
export function claimed(before: LeaseSpec | undefined, self: string, wallMs: number, leaseMs: number): LeaseSpec {
  const renews = before?.holderIdentity === self;
  const instant = microTimestamp(wallMs);
  // A wall clock that was set back to the very same millisecond must not make the renewal invisible.
  const renewTime = instant === before?.renewTime ? microTimestamp(wallMs + 1) : instant;
  return {
    ...before,
    holderIdentity: self,
    leaseDurationSeconds: leaseMs / 1000,
    acquireTime: renews ? (before.acquireTime ?? renewTime) : renewTime,
    renewTime,
    leaseTransitions: before === undefined ? 0 : (before.leaseTransitions ?? 0) + (renews ? 0 : 1),
  };
}

/** The record that leaves the lease to whoever comes next (client-go release). */
export function released(before: LeaseSpec | undefined, wallMs: number): LeaseSpec {
  const instant = microTimestamp(wallMs);
  return { ...before, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: instant, renewTime: instant };
}

function promisedMs(lease: Lease, leaseMs: number): number {
  const seconds = lease.spec?.leaseDurationSeconds;
  return seconds === undefined ? leaseMs : seconds * 1000;
}

function isSameRecord(a: LeaseSpec | undefined, b: LeaseSpec | undefined): boolean {
  return (
    a?.holderIdentity === b?.holderIdentity &&
    a?.renewTime === b?.renewTime &&
    a?.acquireTime === b?.acquireTime &&
    a?.leaseDurationSeconds === b?.leaseDurationSeconds &&
    a?.leaseTransitions === b?.leaseTransitions
  );
}
