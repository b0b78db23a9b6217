import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ModelLine } from './line.ts';
import type { Lease, Place } from './place.ts';
import { rampedSlots } from './policies/slots.ts';
import type { ServingLimits } from './ports.ts';
import { Replica } from './replica.ts';
import { patient } from './testing/terms.fake.ts';

const limits: ServingLimits = {
  maxConcurrencyPerReplica: 2,
  maxQueue: 5,
  queueTimeoutMs: 1_000,
  holdTimeoutMs: 1_000,
  firstTokenTimeoutMs: 1_000,
  idleStreamTimeoutMs: 1_000,
  requestTimeoutMs: 1_000,
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const upstream = { dispatch: () => true, close: async () => {} };

function replica(id: string, ready = true): Replica {
  const made = new Replica({ id, name: id, origin: `http://${id}` }, upstream, Date.now);
  made.ready = ready;
  return made;
}

function line(...replicas: Replica[]): ModelLine {
  const made = new ModelLine(limits, () => 0.999, Date.now);
  for (const each of replicas) made.replicas.add(each);
  return made;
}

const leaseOf = (place: Place): Lease | undefined => (place.turn?.kind === 'lease' ? place.turn.lease : undefined);
const whyOf = (place: Place) => (place.turn?.kind === 'refused' ? place.turn.why : undefined);

test('the least busy replica gets the next request', () => {
  const [a, b] = [replica('a'), replica('b')];
  const requests = line(a, b);
  const names = Array.from({ length: 4 }, () => leaseOf(requests.join(patient(1_000)))?.replica.id);
  expect(names).toEqual(['a', 'b', 'a', 'b']);
  expect(leaseOf(requests.join(patient(1_000)))).toBeUndefined();
});

test('a request that came back goes before those that wait, and not to the replica that failed it', () => {
  const [a, b] = [replica('a'), replica('b')];
  const requests = line(a, b);
  const held = Array.from({ length: 4 }, () => requests.join(patient(1_000)));
  const waiting = requests.join(patient(1_000));
  const back = requests.rejoin(patient(1_000), new Map([[a, a.epoch]]));

  leaseOf(held[0] as Place)?.release();
  expect([leaseOf(back), leaseOf(waiting)?.replica.id]).toEqual([undefined, 'a']);
  leaseOf(held[1] as Place)?.release();
  expect(leaseOf(back)?.replica.id).toBe('b');
});

test('a replica that became ready anew may be asked again', () => {
  const a = replica('a');
  const requests = line(a);
  const avoided = new Map([[a, a.epoch]]);
  expect(requests.hasOther(avoided)).toBe(false);
  const back = requests.rejoin(patient(1_000), avoided);
  expect(back.turn).toBeUndefined();

  a.ready = false;
  a.ready = true;
  requests.changed();
  expect(leaseOf(back)?.replica).toBe(a);
});

test('patience ends, at the time and not before', () => {
  const requests = line();
  const place = requests.join(patient(1_000));
  vi.advanceTimersByTime(999);
  expect(place.turn).toBeUndefined();
  vi.advanceTimersByTime(1);
  expect(whyOf(place)).toBe('overdue');
  expect(requests.length).toBe(0);
});

test('a load and a free slot are waited for with a patience each, and none begins anew', () => {
  const a = replica('a', false);
  const requests = line(a);
  const both = requests.join(patient(1_000, 0, { queueMs: 300, totalMs: 60_000 }));
  const taken = [0, 1].map(() => requests.join(patient(60_000)));
  const flip = (ready: boolean) => {
    a.ready = ready;
    requests.changed();
  };
  // Of three who wait for the load two find a slot.
  flip(true);
  expect([leaseOf(both)?.replica, ...taken.map((place) => leaseOf(place)?.replica)]).toEqual([a, a, undefined]);
  const next = requests.join(patient(1_000, 0, { queueMs: 300, totalMs: 60_000 }));
  vi.advanceTimersByTime(200);
  flip(false);
  vi.advanceTimersByTime(900);
  expect(next.turn).toBeUndefined();
  flip(true);
  vi.advanceTimersByTime(99);
  expect(next.turn).toBeUndefined();
  vi.advanceTimersByTime(1);
  expect([whyOf(next), next.wasHeld]).toEqual(['overdue', true]);
});

test('nobody waits longer than his request may take in all', () => {
  const a = replica('a', false);
  const requests = line(a);
  const place = requests.join(patient(60_000, 0, { totalMs: 1_000 }));
  vi.advanceTimersByTime(600);
  a.ready = true;
  a.inFlight = limits.maxConcurrencyPerReplica;
  requests.changed();
  vi.advanceTimersByTime(399);
  expect(place.turn).toBeUndefined();
  vi.advanceTimersByTime(1);
  expect(whyOf(place)).toBe('overdue');
});

test('knows how long answers take, of answers only', () => {
  const a = replica('a');
  const requests = line(a);
  expect(requests.experience.serviceMs).toBeUndefined();
  const [first, second] = [requests.join(patient(1_000)), requests.join(patient(1_000))];
  leaseOf(first)?.release(false);
  expect(requests.experience.serviceMs).toBeUndefined();
  vi.advanceTimersByTime(4_000);
  leaseOf(second)?.release();
  expect(requests.experience.serviceMs).toBe(4_000);
});

test('a slot is given back once, however often it is released', () => {
  const a = replica('a');
  const requests = line(a);
  const lease = leaseOf(requests.join(patient(1_000)));
  lease?.release();
  lease?.release();
  expect(a.inFlight).toBe(0);
});

test('Retry-After grows with the line and shrinks with the slots', () => {
  const a = replica('a');
  const requests = line(a);
  const held = [requests.join(patient(60_000)), requests.join(patient(60_000))];
  vi.advanceTimersByTime(20_000);
  for (const place of held) leaseOf(place)?.release();
  for (let index = 0; index < 4; index += 1) requests.join(patient(60_000));
  const alone = requests.expectedWaitSeconds(patient(0));
  expect(alone).toBeGreaterThan(1);
  requests.replicas.add(replica('b', true));
  expect(requests.expectedWaitSeconds(patient(0))).toBeLessThan(alone);
});

type Step = { readonly do: 'join' | 'wait' | 'release' | 'leave' | 'flip' | 'back' | 'bind'; readonly which: number };

const steps = ['join', 'join', 'join', 'join', 'wait', 'release', 'leave', 'flip', 'back', 'bind'] as const;
const step: fc.Arbitrary<Step> = fc.record({ do: fc.constantFrom(...steps), which: fc.nat(20) });

test('whatever happens: slots are never exceeded, nobody and no token is lost, and those who wait are served in order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 3 }), fc.nat({ max: 6 }), (actions, slots, maxQueue) => {
      const replicas = [replica('a'), replica('b', false)];
      for (const each of replicas) each.adapters = each.id === 'b' ? ['sql'] : [];
      const requests = new ModelLine({ ...limits, maxConcurrencyPerReplica: slots, maxQueue }, () => 0.5, Date.now);
      for (const each of replicas) requests.replicas.add(each);
      const joined: Place[] = [];
      const returned: Place[] = [];
      const tokensOf = new Map<Place, number>();
      const terms = () => patient(1_000, 1 + tokensOf.size);
      const noted = (place: Place) => {
        tokensOf.set(place, 1 + tokensOf.size);
        return place;
      };
      const leases = () => [...joined, ...returned].flatMap((place) => leaseOf(place) ?? []);
      const released = new Set<Lease>();
      const running = () => leases().filter((lease) => !released.has(lease));
      const release = (lease: Lease | undefined) => {
        if (!lease) return;
        released.add(lease);
        lease.release();
      };

      for (const action of actions) {
        const waitedBefore = joined.filter((place) => !place.turn);
        if (action.do === 'join') joined.push(noted(requests.join(terms())));
        else if (action.do === 'wait') vi.advanceTimersByTime(400);
        else if (action.do === 'release') release(running()[action.which % Math.max(running().length, 1)]);
        else if (action.do === 'leave') waitedBefore[action.which % Math.max(waitedBefore.length, 1)]?.leave('unavailable');
        else if (action.do === 'flip') {
          const flipped = replicas[action.which % replicas.length];
          if (flipped) flipped.ready = !flipped.ready;
          requests.changed();
        } else if (action.do === 'bind') {
          // Like those who come back, these are in no order with the others.
          returned.push(noted(requests.join({ ...terms(), ...(action.which % 3 === 0 ? { adapter: 'sql' } : { home: 'a' }) })));
        } else {
          const failed = running()[action.which % Math.max(running().length, 1)];
          release(failed);
          if (failed) returned.push(noted(requests.rejoin(terms(), new Map([[failed.replica, failed.epoch]]))));
        }

        for (const each of replicas) {
          expect(each.inFlight).toBeLessThanOrEqual(slots);
          expect(each.inFlight).toBe(running().filter((lease) => lease.replica === each).length);
        }
        const pending = [...joined, ...returned].filter((place) => !place.turn);
        expect(requests.length).toBe(pending.length);
        const inSystem = [...tokensOf].filter(([place]) => !place.turn || running().some((lease) => lease === leaseOf(place)));
        expect(requests.tokensInFlight).toBe(inSystem.reduce((sum, [, tokens]) => sum + tokens, 0));
        expect(joined.filter((place) => !place.turn).length).toBeLessThanOrEqual(maxQueue);
        // First come, first served: among those who waited, whoever got a slot was before all who still wait.
        const firstStillWaiting = waitedBefore.findIndex((place) => !place.turn);
        const lastServed = waitedBefore.findLastIndex((place) => leaseOf(place));
        if (firstStillWaiting >= 0) expect(lastServed).toBeLessThan(firstStillWaiting);
        // Work-conserving: nobody waits while a ready replica has a free slot, of those that a fresh one gets beside others.
        if (joined.some((place) => !place.turn)) {
          expect(replicas.some((each) => each.ready && each.inFlight < rampedSlots(slots, Date.now() - each.readyAt))).toBe(false);
        }
      }
      vi.advanceTimersByTime(1_000);
      expect([...joined, ...returned].every((place) => place.turn)).toBe(true);
      for (const lease of running()) release(lease);
      expect(replicas.map((each) => each.inFlight)).toEqual([0, 0]);
      expect(requests.tokensInFlight).toBe(0);
    }),
  );
});
