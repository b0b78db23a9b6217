import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ModelLine } from './line.ts';
import type { Lease, Place } from './place.ts';
import { slowStartMs } from './policies/slots.ts';
import type { ServingLimits } from './ports.ts';
import { Replica } from './replica.ts';
import { patient } from './testing/terms.fake.ts';

const limits: ServingLimits = {
  maxConcurrencyPerReplica: 4,
  maxQueue: 50,
  queueTimeoutMs: 600_000,
  holdTimeoutMs: 600_000,
  firstTokenTimeoutMs: 600_000,
  idleStreamTimeoutMs: 600_000,
  requestTimeoutMs: 600_000,
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function replica(id: string, onWedged?: () => void): Replica {
  const upstream = { dispatch: () => true, close: async () => {} };
  const made = new Replica({ id, name: id, origin: `http://${id}` }, upstream, Date.now, onWedged);
  made.ready = true;
  return made;
}

function lineOf(...replicas: Replica[]): ModelLine {
  const line = new ModelLine(limits, () => 0.999, Date.now);
  for (const each of replicas) line.replicas.add(each);
  return line;
}

const ask = (line: ModelLine, tokens = 10) => line.join(patient(600_000, tokens));
const leaseOf = (place: Place): Lease | undefined => (place.turn?.kind === 'lease' ? place.turn.lease : undefined);
const idOf = (place: Place) => leaseOf(place)?.replica.id;

/** A replica fails so many requests that nobody else takes. */
function fail(line: ModelLine, failing: Replica, times: number): void {
  for (let time = 0; time < times; time += 1) {
    const lease = leaseOf(ask(line, 0));
    if (!lease) throw new Error('no slot');
    line.judge(lease, lease.replica === failing ? 'failed' : 'answered');
    lease.release();
  }
}

test('a request of many tokens counts as much as many of few', () => {
  const line = lineOf(replica('a'), replica('b'));
  expect([1_000, 100, 100, 100].map((tokens) => idOf(ask(line, tokens)))).toEqual(['a', 'b', 'b', 'b']);
});

test('a replica that fails is left alone, tried with one request, and trusted again after an answer', () => {
  const [bad, good] = [replica('bad'), replica('good')];
  const line = lineOf(bad, good);
  fail(line, bad, 5);
  expect(Array.from({ length: 4 }, () => idOf(ask(line)))).toEqual(['good', 'good', 'good', 'good']);
  const waiting = Array.from({ length: 3 }, () => ask(line));
  expect(waiting.map(idOf)).toEqual([undefined, undefined, undefined]);

  vi.advanceTimersByTime(10_000);
  expect(waiting.map(idOf)).toEqual(['bad', undefined, undefined]);
  const trial = leaseOf(waiting[0] as Place);
  if (trial) line.judge(trial, 'answered');
  trial?.release();
  expect(waiting.map(idOf)).toEqual(['bad', 'bad', 'bad']);
});

test('what fails its trial is left alone for twice as long', () => {
  const bad = replica('bad');
  const line = lineOf(bad, replica('good'));
  fail(line, bad, 5);
  vi.advanceTimersByTime(10_000);
  fail(line, bad, 1);
  expect(bad.health).toMatchObject({ kind: 'out', until: Date.now() + 20_000 });
});

test('when all fail none is left alone but half of them', () => {
  const replicas = ['a', 'b', 'c', 'd'].map((id) => replica(id));
  const line = lineOf(...replicas);
  for (let round = 0; round < 40; round += 1) {
    const lease = leaseOf(ask(line, 0));
    if (lease) line.judge(lease, 'failed');
    lease?.release();
  }
  expect(replicas.filter(({ health }) => health.kind === 'out')).toHaveLength(2);
});

test('when those that were well leave, what was left alone serves', () => {
  const [bad, good] = [replica('bad'), replica('good')];
  const line = lineOf(bad, good);
  fail(line, bad, 5);
  expect(line.hasOther(new Map([[good, good.epoch]]))).toBe(false);
  good.ready = false;
  line.changed();
  expect([idOf(ask(line)), line.hasOther(new Map())]).toEqual(['bad', true]);
});

test('failures before it became ready anew do not count', () => {
  const [bad, good] = [replica('bad'), replica('good')];
  const line = lineOf(bad, good);
  const before = leaseOf(ask(line)) as Lease;
  bad.ready = false;
  bad.ready = true;
  for (let time = 0; time < 5; time += 1) line.judge(before, 'failed');
  expect(bad.health.kind).toBe('well');
});

test('a fresh replica beside others gets a part of its slots, and those who wait get the rest as time goes by', () => {
  const old = replica('old');
  const line = lineOf(old);
  vi.advanceTimersByTime(slowStartMs);
  for (let request = 0; request < 4; request += 1) ask(line);
  const waiting = Array.from({ length: 6 }, () => ask(line));
  const fresh = replica('fresh');
  line.replicas.add(fresh);
  line.changed();
  expect(fresh.inFlight).toBe(1);
  vi.advanceTimersByTime(slowStartMs / 2);
  expect(fresh.inFlight).toBe(3);
  vi.advanceTimersByTime(slowStartMs);
  expect([fresh.inFlight, waiting.filter(idOf).length]).toEqual([4, 4]);
});

test('with other gateways this one uses its share, and all of it again when they are gone', () => {
  const only = replica('only');
  const line = lineOf(only);
  line.setRank({ rank: 1, gateways: 4 });
  const places = Array.from({ length: 4 }, () => ask(line));
  expect(only.inFlight).toBe(1);
  line.setRank({ rank: 0, gateways: 1 });
  expect(places.every(idOf)).toBe(true);
});

test('requests of one key go to one replica while it has room, and nobody waits for it when it has none', () => {
  const line = lineOf(replica('a'), replica('b'), replica('c'));
  const near = () => idOf(line.join(patient(600_000, 10, { affinity: 12_345 })));
  const [first, ...more] = Array.from({ length: 12 }, near);
  expect(more[0]).toBeDefined();
  expect(new Set([first, ...more]).size).toBe(3);
  expect(near()).toBeUndefined();
});

test('three gateways together give a replica as many requests as it has slots, and use them all', () => {
  const running = new Map<string, number>();
  for (let rank = 0; rank < 3; rank += 1) {
    const replicas = ['a', 'b', 'c', 'd', 'e'].map((id) => replica(id));
    const line = lineOf(...replicas);
    line.setRank({ rank, gateways: 3 });
    for (let request = 0; request < 30; request += 1) ask(line);
    for (const { id, inFlight } of replicas) running.set(id, (running.get(id) ?? 0) + inFlight);
  }
  expect([...running.values()]).toEqual([4, 4, 4, 4, 4]);
});

/** Two streams wait at a replica and hear nothing for a minute. */
function hang(replica: Replica): void {
  for (let stream = 0; stream < 2; stream += 1) replica.hearing.begin(60_000);
  vi.advanceTimersByTime(60_000);
  for (let stream = 0; stream < 2; stream += 1) replica.hearing.end();
}

/** A line of replicas that tell it when they hang. */
function listeningLine(...ids: string[]): { readonly line: ModelLine; readonly replicas: readonly Replica[] } {
  const line = lineOf();
  const replicas = ids.map((id) => {
    const made: Replica = replica(id, () => line.leaveAlone(made));
    line.replicas.add(made);
    return made;
  });
  return { line, replicas };
}

test('a replica that hangs gets a trial now and then, and all again once it has answered', () => {
  const { line, replicas } = listeningLine('a', 'b');
  const hanging = replicas[0] as Replica;
  hang(hanging);
  const places = Array.from({ length: 7 }, () => ask(line));
  expect([line.wedgedReplicas, places.map(idOf)]).toEqual([['a'], ['b', 'b', 'b', 'b', undefined, undefined, undefined]]);

  vi.advanceTimersByTime(10_000);
  expect(places.slice(4).map(idOf)).toEqual(['a', undefined, undefined]);
  hanging.hearing.signs += 1;
  expect(line.wedgedReplicas).toBeUndefined();
  const trial = leaseOf(places[4] as Place);
  if (trial) line.judge(trial, 'answered');
  line.changed();
  expect(places.slice(4).map(idOf)).toEqual(['a', 'a', 'a']);
});

test('where all hang all are asked, and where the others only fail those are', () => {
  const { line, replicas } = listeningLine('a', 'b');
  const [a, b] = replicas as [Replica, Replica];
  hang(a);
  b.health = { kind: 'out', until: Date.now() + 10_000, ejections: 1 };
  expect([idOf(ask(line)), idOf(ask(line))]).toEqual(['b', 'b']);
  hang(b);
  expect([line.wedgedReplicas, idOf(ask(line))]).toEqual([['a', 'b'], 'a']);
});
