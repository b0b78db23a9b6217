import { expect, test } from 'vitest';
import { ModelLine } from './line.ts';
import type { Model } from './models.ts';
import type { ModelSpec } from './ports.ts';
import { Replica } from './replica.ts';
import { changesOf, countRequests } from './stats.ts';
import { patient } from './testing/terms.fake.ts';

const limits = {
  maxConcurrencyPerReplica: 2,
  maxQueue: 50,
  queueTimeoutMs: 1_000,
  holdTimeoutMs: 1_000,
  firstTokenTimeoutMs: 1_000,
  idleStreamTimeoutMs: 1_000,
  requestTimeoutMs: 1_000,
};
const upstream = { dispatch: () => true, close: async () => {} };

/** A deployment with so many replicas of two slots each, and so many requests. */
function model(key: string, replicas: number, requests: number, { tokens = 0, now = Date.now } = {}) {
  const line = new ModelLine(limits, () => 0.999, now);
  for (let index = 0; index < replicas; index += 1) {
    const replica = new Replica({ id: `${index}`, name: `m-${index}`, origin: `http://${index}` }, upstream, Date.now);
    replica.ready = true;
    line.replicas.add(replica);
  }
  const places = Array.from({ length: requests }, () => line.join(patient(60_000, tokens)));
  const spec: ModelSpec = { key, names: [], createdAt: 0, limits, availability: 'serving' };
  const found: Model = { spec, line };
  return { found, line, places };
}

test('who waits is held while no replica is ready, and queued while one is; a model without requests is left out', () => {
  const counts = countRequests([model('a/cold', 0, 3), model('a/busy', 2, 7), model('a/idle', 1, 0)].map(({ found }) => found));
  expect([...counts]).toEqual([
    ['a/cold', { held: 3, queued: 0, running: 0, arrivals: 3 }],
    ['a/busy', { held: 0, queued: 3, running: 4, arrivals: 7 }],
  ]);
});

test('what runs on a replica that is no longer ready still runs, and who waits behind it is held', () => {
  const { found, line } = model('a/b', 1, 3);
  for (const replica of line.replicas) replica.ready = false;
  expect(countRequests([found]).get('a/b')).toEqual({ held: 1, queued: 0, running: 2, arrivals: 3 });
});

test('a caller who leaves is no longer counted', () => {
  const { found, places } = model('a/b', 0, 2);
  places[0]?.leave('unavailable');
  expect(countRequests([found]).get('a/b')).toMatchObject({ held: 1 });
});

test('only changes are told, and what ended as zeros, once', () => {
  const [one, two] = [
    { held: 1, queued: 0, running: 0 },
    { held: 0, queued: 0, running: 2 },
  ];
  const before = new Map(Object.entries({ 'a/same': one, 'a/more': one, 'a/gone': two }));
  const after = new Map(Object.entries({ 'a/same': { ...one }, 'a/more': two, 'a/new': one }));
  const changes = changesOf(before, after, false);
  expect(Object.fromEntries(changes)).toEqual({ 'a/more': two, 'a/new': one, 'a/gone': { held: 0, queued: 0, running: 0 } });
  expect(changesOf(after, after, true).size).toBe(0);
});

test('tokens are those of all that wait and run, and go with them', () => {
  const { found, places } = model('a/b', 1, 3, { tokens: 100 });
  expect(countRequests([found]).get('a/b')).toEqual({ held: 0, queued: 1, running: 2, arrivals: 3, tokensInFlight: 300 });
  for (const place of places) place.leave('unavailable');
  expect(countRequests([found]).get('a/b')?.tokensInFlight).toBeUndefined();
});

test('a model is told of for half a minute after its last request', () => {
  let at = 1_000_000;
  const { found, places } = model('a/b', 1, 2, { now: () => at });
  for (const place of places) place.leave('unavailable');
  at += 29_999;
  expect(countRequests([found]).get('a/b')).toMatchObject({ held: 0, queued: 0, running: 0, arrivals: 2 });
  at += 1;
  expect(countRequests([found]).size).toBe(0);
});

test('the time to first token is told for as long as it is known, also of a model that has no requests any more', () => {
  const { found, line } = model('a/b', 1, 0);
  line.experience.noteFirstToken(40);
  line.experience.noteFirstToken(81);
  expect(countRequests([found]).get('a/b')).toEqual({ held: 0, queued: 0, running: 0, arrivals: 0, ttftMillis: 61, ttftCount: 2 });
});

test('how requests fare is told with their number, and alone only when it is asked for', () => {
  const counts = { held: 0, queued: 0, running: 2, arrivals: 9, tokensInFlight: 10, ttftMillis: 40, ttftCount: 1, serviceMillis: 900 };
  const before = new Map([['a/b', counts]]);
  for (const change of [{ arrivals: 10 }, { tokensInFlight: 11 }, { ttftMillis: 41 }, { ttftCount: 2 }, { serviceMillis: 901 }]) {
    const after = new Map([['a/b', { ...counts, ...change }]]);
    expect(changesOf(before, after, false).size).toBe(0);
    expect(changesOf(before, after, true)).toEqual(after);
  }
  const more = new Map([['a/b', { ...counts, running: 3, tokensInFlight: 15 }]]);
  expect(changesOf(before, more, false)).toEqual(more);
});

test('a replica that hangs is told at once, also of a model that nobody asks for, and so is its recovery', () => {
  const { found, line } = model('a/b', 1, 0);
  const before = countRequests([found]);
  for (const { hearing } of line.replicas) Object.defineProperty(hearing, 'wedged', { value: true });
  const after = countRequests([found]);
  expect(changesOf(before, after, false)).toEqual(new Map([['a/b', { held: 0, queued: 0, running: 0, arrivals: 0, wedged: ['0'] }]]));
  expect(changesOf(after, before, false)).toEqual(new Map([['a/b', { held: 0, queued: 0, running: 0 }]]));
});
