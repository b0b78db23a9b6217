import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ModelLine } from './line.ts';
import type { Lease, Place, Terms } from './place.ts';
import type { ServingLimits } from './ports.ts';
import { Replica } from './replica.ts';
import { patient } from './testing/terms.fake.ts';

const limits: ServingLimits = {
  maxConcurrencyPerReplica: 1,
  maxQueue: 4,
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

/** A line of replicas `a` and `b` with a slot each; `b` has the adapter `sql`. */
function lineOfTwo() {
  const line = new ModelLine(limits, () => 0.999, Date.now);
  const [a, b] = ['a', 'b'].map((id) => {
    const replica = new Replica({ id, name: id, origin: `http://${id}` }, { dispatch: () => true, close: async () => {} }, Date.now);
    replica.adapters = id === 'b' ? ['sql'] : [];
    replica.ready = true;
    line.replicas.add(replica);
    return replica;
  }) as [Replica, Replica];
  const ask = (who: Partial<Terms> = {}) => line.join(patient(1_000, 10, who));
  return { line, a, b, ask };
}

const leaseOf = ({ turn }: Place): Lease | undefined => (turn?.kind === 'lease' ? turn.lease : undefined);
const idsOf = (...places: Place[]) => places.map((place) => leaseOf(place)?.replica.id);

test('who needs one replica waits for it, and holds up nobody who does not', () => {
  const { ask } = lineOfTwo();
  const first = ask({ home: 'b' });
  const [bound, free] = [ask({ home: 'b' }), ask()];
  expect(idsOf(first, bound, free)).toEqual(['b', undefined, 'a']);
  leaseOf(free)?.release();
  const later = ask();
  expect(idsOf(bound, later)).toEqual([undefined, 'a']);
  leaseOf(first)?.release();
  expect(idsOf(bound)).toEqual(['b']);
});

test('whose turn comes while the one that he needs is busy stands aside, and comes first when it is free', () => {
  const { ask } = lineOfTwo();
  const [inA, inB] = [ask(), ask()];
  const [first, bound, second, third] = [ask(), ask({ home: 'b' }), ask(), ask()];
  leaseOf(inA)?.release();
  leaseOf(first)?.release();
  expect(idsOf(first, bound, second, third)).toEqual(['a', undefined, 'a', undefined]);
  leaseOf(inB)?.release();
  expect(idsOf(bound, third)).toEqual(['b', undefined]);
});

test('a replica that is gone or no longer ready is not waited for', () => {
  const { ask, line, b } = lineOfTwo();
  ask({ home: 'b' });
  const bound = ask({ home: 'b' });
  b.ready = false;
  line.changed();
  expect(idsOf(bound)).toEqual(['a']);
  expect(idsOf(ask({ home: 'nobody' }))).toEqual([undefined]);
});

test('an adapter is asked only of replicas that have it, however busy, until its patience ends', () => {
  const { ask, a, line } = lineOfTwo();
  const places = [ask({ adapter: 'sql' }), ask({ adapter: 'sql' }), ask({ adapter: 'other' })] as const;
  expect(idsOf(...places)).toEqual(['b', undefined, undefined]);
  a.adapters = ['sql'];
  line.changed();
  expect(idsOf(...places)).toEqual(['b', 'a', undefined]);
  vi.advanceTimersByTime(1_000);
  expect([places[2].turn, line.length]).toEqual([{ kind: 'refused', why: 'overdue' }, 0]);
});

test('no more of them stand aside than may wait', () => {
  const { ask, line } = lineOfTwo();
  const turns = Array.from({ length: 6 }, () => ask({ home: 'b' }).turn?.kind);
  expect(turns).toEqual(['lease', undefined, undefined, undefined, undefined, 'refused']);
  expect([line.length, line.tokensInFlight, idsOf(ask())]).toEqual([4, 50, ['a']]);
});
