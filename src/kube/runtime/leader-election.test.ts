import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { aborted } from '../abort.ts';
import { KubeMetrics } from '../metrics.ts';
import { eventually } from '../testing/eventually.fake.ts';
import { FakeLease } from '../testing/lease-store.fake.ts';
import { LeaderElection, type LeaderElectionOptions, LeadershipLost } from './leader-election.ts';
import type { LeaseStore } from './leader-election-lease.ts';

function world() {
  const clock = new FakeClock();
  const lease = new FakeLease();
  const candidate = (identity: string, options: Partial<LeaderElectionOptions> = {}) => {
    const stop = new AbortController();
    const election = new LeaderElection({ lease, identity, clock, monotonic: () => clock.now(), random: () => 0, ...options });
    const lead = (work: (signal: AbortSignal) => Promise<void> = aborted) => election.lead(work, stop.signal);
    return { election, lead, stop };
  };
  return { clock, lease, candidate };
}

test('leads until it is stopped, then gives the lease back when the work has ended', async () => {
  const { clock, lease, candidate } = world();
  const { election, lead, stop } = candidate('a');
  const workEnds = Promise.withResolvers<void>();
  const leading = lead(() => workEnds.promise);
  await eventually(() => election.leading);
  await clock.advance(60_000);
  expect(lease.current?.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0, renewTime: '2026-01-01T00:01:00.000000Z' });

  stop.abort();
  await clock.advance(20_000);
  expect(lease.current?.spec?.holderIdentity).toBe('a');
  expect(election.leading).toBe(true);

  workEnds.resolve();
  await leading;
  expect(lease.current?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  expect(election.leading).toBe(false);
});

test('a standby takes over when the leader gives the lease back, without a poll', async () => {
  const { clock, lease, candidate } = world();
  const [first, second] = [candidate('a'), candidate('b')];
  const ended = first.lead();
  await eventually(() => first.election.leading);
  const secondEnded = second.lead();
  await eventually(() => clock.sleeping >= 3);
  await clock.advance(8_000);
  expect(second.election.leading).toBe(false);
  first.stop.abort();
  await ended;
  await eventually(() => second.election.leading); // the clock stands still
  expect(lease.current?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  second.stop.abort();
  await secondEnded;
});

test('a standby takes over one lease after the last sign of life', async () => {
  const { clock, lease, candidate } = world();
  let connected = true;
  const sent = async () => {
    if (!connected) throw new Error('cut off');
  };
  const dying = candidate('a', { lease: lease.over({ sent }) });
  const dead = dying.lead();
  await eventually(() => dying.election.leading);
  connected = false;
  const standby = candidate('b');
  const ended = standby.lead();
  await eventually(() => clock.sleeping >= 3);
  await clock.advance(14_900);
  expect(standby.election.leading).toBe(false);
  await clock.advance(200);
  await eventually(() => standby.election.leading);
  dying.stop.abort();
  standby.stop.abort();
  await Promise.all([dead, ended]);
});

test('stands by when no renewal succeeds for the deadline, and leads again when one does', async () => {
  const { clock, lease, candidate } = world();
  const { election, lead, stop } = candidate('a');
  const reasons: unknown[] = [];
  const leading = lead(async (signal) => {
    await aborted(signal);
    reasons.push(signal.reason);
  });
  await eventually(() => election.leading);
  const { update } = lease;
  lease.update = async () => Promise.reject(new Error('no route'));
  await clock.advance(9_999);
  expect(election.leading).toBe(true);
  await clock.advance(1);
  expect(election.leading).toBe(false);
  await eventually(() => expect(reasons).toEqual([new LeadershipLost('the lease ns/l was not renewed within 10 s')]));
  await clock.advance(60_000);
  expect(election.leading).toBe(false);
  expect(() => election.assertLeading()).toThrow('a does not lead ns/l');

  lease.update = update;
  await clock.advance(5_000);
  expect(election.leading).toBe(true);
  expect(lease.current?.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
  stop.abort();
  await leading;
  expect([reasons.length, lease.current?.spec?.holderIdentity]).toEqual([2, '']);
});

test('leads again no sooner than another could, so that what it had sent has arrived', async () => {
  const { clock, lease, candidate } = world();
  const { election, lead, stop } = candidate('a');
  const leading = lead((signal) => aborted(signal));
  await eventually(() => election.leading);
  const { update } = lease;
  lease.update = async () => Promise.reject(new Error('no route'));
  await clock.advance(10_000);
  await eventually(() => expect(() => election.assertLeading()).toThrow('a does not lead ns/l'));
  lease.update = update;
  await clock.advance(4_900);
  expect(election.leading).toBe(false);
  await clock.advance(2_500);
  expect(election.leading).toBe(true);
  stop.abort();
  await leading;
});

test('a renewal that hangs does not outlast the deadline', async () => {
  const { clock, lease, candidate } = world();
  const update: LeaseStore['update'] = (_lease, { signal }) =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  const { election, lead, stop } = candidate('a', { lease: { ...lease.over({ sent: async () => {} }), update } });
  let terms = 0;
  const ended = lead(async (signal) => {
    terms += 1;
    await aborted(signal);
  });
  await eventually(() => election.leading);
  await clock.advance(10_000);
  expect(election.leading).toBe(false);
  stop.abort();
  await ended;
  expect(terms).toBe(1);
});

test('does not campaign before its work has ended, and gives up when that lasts as long as a renewal may', async () => {
  const { clock, lease, candidate } = world();
  const { election, lead } = candidate('a');
  let over = false;
  const outcome = expect(lead(() => new Promise(() => {}))).rejects.toThrow('the work did not end with the lease ns/l');
  void outcome.then(() => {
    over = true;
  });
  await eventually(() => election.leading);
  const { update } = lease;
  lease.update = async () => Promise.reject(new Error('no route'));
  await clock.advance(10_000);
  lease.update = update;
  await clock.advance(9_999);
  expect([over, election.leading]).toEqual([false, false]);
  await clock.advance(1);
  await outcome;
});

test('after a stall nothing is written: the check comes before any timer, and the leader stands by', async () => {
  const { clock, lease, candidate } = world();
  let stalledMs = 0;
  const { election, lead, stop } = candidate('a', { monotonic: () => clock.now() + stalledMs });
  const terms: AbortSignal[] = [];
  const ended = lead(async (signal) => {
    terms.push(signal);
    await aborted(signal);
  });
  await eventually(() => election.leading);
  election.assertLeading();
  // Meanwhile another took the lease, led and died.
  const { current } = lease;
  if (current) await lease.update({ ...current, spec: { ...current.spec, holderIdentity: 'b' } });
  stalledMs = 40_000; // longer than the lease, and no timer has fired
  expect(() => election.assertLeading()).toThrow(LeadershipLost);
  await eventually(() => expect(() => election.assertLeading()).toThrow('a does not lead ns/l'));
  await clock.advance(14_000);
  expect(terms).toHaveLength(1);
  await clock.advance(2_000);
  expect(terms).toHaveLength(2);
  expect(terms[0]?.reason).toBeInstanceOf(LeadershipLost);
  election.assertLeading();
  stop.abort();
  await ended;
});

test('stands by at once when another holds the lease, and recreates one that was deleted', async () => {
  const { clock, lease, candidate } = world();
  const { election, lead, stop } = candidate('a');
  let reason: unknown;
  const ended = lead(async (signal) => {
    await aborted(signal);
    reason = signal.reason;
  });
  await eventually(() => election.leading);
  lease.delete();
  await clock.advance(2_000);
  expect(lease.current?.spec?.holderIdentity).toBe('a');
  const { current } = lease;
  if (current) await lease.update({ ...current, spec: { ...current.spec, holderIdentity: 'thief' } });
  await clock.advance(2_000);
  expect(reason).toEqual(new LeadershipLost('the lease ns/l is no longer ours'));
  expect(lease.current?.spec?.holderIdentity).toBe('thief');
  await clock.advance(15_000); // the thief never renews
  expect(election.leading).toBe(true);
  expect(lease.current?.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 1 });
  stop.abort();
  await ended;
});

test('a claim that took effect though its answer was lost is recognized as ours', async () => {
  const { clock, lease, candidate } = world();
  const { election, lead, stop } = candidate('a');
  const { create } = lease;
  lease.create = async (spec) => {
    await create.call(lease, spec);
    throw new Error('the answer was lost');
  };
  const ended = lead();
  await eventually(() => clock.sleeping >= 1);
  await clock.advance(4_400);
  await eventually(() => election.leading);
  expect(lease.current?.spec?.leaseTransitions).toBe(0);
  stop.abort();
  await ended;
});

test('a standby that is stopped writes nothing, and may not write', async () => {
  const { lease, candidate } = world();
  const [leader, standby] = [candidate('a'), candidate('b')];
  const ended = leader.lead();
  await eventually(() => leader.election.leading);
  const waiting = standby.lead();
  expect(() => standby.election.assertLeading()).toThrow('b does not lead ns/l');
  standby.stop.abort();
  await waiting;
  expect(lease.current?.spec?.holderIdentity).toBe('a');
  leader.stop.abort();
  await ended;
});

test('what the work throws comes through, and the lease is given back', async () => {
  const { lease, candidate } = world();
  await expect(candidate('a').lead(async () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(lease.current?.spec?.holderIdentity).toBe('');
});

test('shows in the metrics who leads', async () => {
  const registry = new Registry();
  const { candidate } = world();
  const { election, lead, stop } = candidate('a', { metrics: new KubeMetrics(registry) });
  expect(await registry.metrics()).toContain('leader_election_master_status{name="l"} 0');
  const ended = lead();
  await eventually(() => election.leading);
  expect(await registry.metrics()).toContain('leader_election_master_status{name="l"} 1');
  stop.abort();
  await ended;
  expect(await registry.metrics()).toContain('leader_election_master_status{name="l"} 0');
});

test('refuses timings that cannot keep the promise', () => {
  const { candidate } = world();
  for (const timing of [{ leaseMs: 10_000 }, { renewDeadlineMs: 2_400 }, { leaseMs: 15_500 }]) {
    expect(() => candidate('a', timing)).toThrow(RangeError);
  }
});
