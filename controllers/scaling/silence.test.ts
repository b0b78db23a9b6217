import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { demandFor, type Part, sumDemand } from '../demand/demand.ts';
import { loaded, replica, t0 } from '../modeldeployment/testing/makers.fake.ts';
import { Silence } from './silence.ts';

const key = 'models/qwen';
const one = loaded({ name: 'one' });

let clock: FakeClock;
let parts: Part[];
let silence: Silence;

beforeEach(() => {
  clock = new FakeClock(t0);
  parts = [gateway()];
  silence = new Silence({ of: (model) => demandFor(model, now(), clock.now()), all: () => sumDemand(now(), clock.now()) }, clock);
});

/** A gateway with so many running requests, the last one at `askedAt`; one that is not heard though it is ready when `heard` is false. */
function gateway(running = 0, { heard = true, askedAt }: { readonly heard?: boolean; readonly askedAt?: number } = {}): Part {
  const models = new Map([[key, { held: 0, queued: 0, running, askedAt }]]);
  return { ready: true, since: t0, ...(heard && { heardAt: t0 }), models };
}

const now = () => parts.map((part) => (part.heardAt === undefined ? part : { ...part, heardAt: clock.now() }));
const since = (...replicas: Parameters<Silence['since']>[1]) => silence.since(key, replicas) - t0;

test('begins to count when it first sees a model: nobody knows what was before', async () => {
  await clock.advance(50_000);
  expect(since(one)).toBe(50_000);
  await clock.advance(10_000);
  expect(since(one)).toBe(50_000);
});

test('counts anew from each request, also from one that waits nowhere and is seen by nobody who asks', async () => {
  const stop = silence.source().start(() => {});
  expect(since(one)).toBe(0);
  parts = [gateway(1)];
  await clock.advance(1_000);
  parts = [gateway()];
  await clock.advance(20_000);
  expect(since(one)).toBe(1_000);
  stop();
  await eventually(() => expect(clock.sleeping).toBe(0));
});

test('hears of requests that came and went between two looks, and remembers them when the gateway is gone', async () => {
  const stop = silence.source().start(() => {});
  expect(since(one)).toBe(0);
  await clock.advance(10_000);
  parts = [gateway(), gateway(0, { askedAt: t0 + 9_900 })];
  await clock.advance(1_000);
  expect([since(one), silence.isSilent(key, [one])]).toEqual([9_900, true]);
  parts = [gateway()];
  await clock.advance(60_000);
  expect(since(one)).toBe(9_900);
  parts = [gateway(0, { askedAt: t0 + 70_500 })];
  expect(since(one)).toBe(70_500);
  stop();
  await eventually(() => expect(clock.sleeping).toBe(0));
});

test('counts anew when a replica becomes ready, and when one works on something', async () => {
  expect(since(one)).toBe(0);
  await clock.advance(5_000);
  expect(since(one, replica({ name: 'two' }))).toBe(0);
  expect(since(one, loaded({ name: 'two' }))).toBe(5_000);
  await clock.advance(5_000);
  expect(since(one, loaded({ name: 'two', inFlight: 1 }))).toBe(10_000);
  expect(silence.isSilent(key, [loaded({ waiting: 1 })])).toBe(false);
});

test('never takes a gateway that is not heard for a silent one', async () => {
  expect(since(one)).toBe(0);
  parts = [gateway(), gateway(0, { heard: false })];
  await clock.advance(9_000);
  expect(silence.isSilent(key, [one])).toBe(false);
  expect(since(one)).toBe(9_000);
  parts = [];
  await clock.advance(9_000);
  expect(silence.isSilent(key, [one])).toBe(false);
  parts = [gateway()];
  expect(silence.isSilent(key, [one])).toBe(true);
});

test('counts anew after a sleep', async () => {
  expect(since(one)).toBe(0);
  await clock.advance(60_000);
  silence.forget(key);
  expect(since(one)).toBe(60_000);
});
