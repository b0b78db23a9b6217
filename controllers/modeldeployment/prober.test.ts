import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { type FetchStatus, StatusProber, type Target } from './prober.ts';
import { agent } from './testing/makers.fake.ts';

let stop = new AbortController();
beforeEach(() => {
  stop = new AbortController();
});
afterEach(() => stop.abort());

function target(uid: string, fields: Partial<Target> = {}): Target {
  return { uid, owner: `models/${uid}`, host: uid, managementPort: 9090, restarts: 0, ...fields };
}

function start(fetchStatus: FetchStatus) {
  const clock = new FakeClock();
  const news: string[] = [];
  const prober = new StatusProber({ fetchStatus, clock });
  prober.start((owner) => news.push(owner), stop.signal);
  return { clock, news, prober };
}

test('asks each second while a replica loads, each ten seconds after', async () => {
  let asked = 0;
  let status = agent();
  const { clock, prober } = start(async () => {
    asked += 1;
    return status;
  });
  prober.track(target('a'));
  await eventually(() => asked === 1 && clock.sleeping === 1);
  await clock.advance(1_000);
  await eventually(() => asked === 2 && clock.sleeping === 1);
  status = agent({ phase: 'Ready', percent: 100 });
  await clock.advance(1_000);
  await eventually(() => asked === 3 && clock.sleeping === 1);
  await clock.advance(9_999);
  expect(asked).toBe(3);
  await clock.advance(1);
  await eventually(() => asked === 4);
});

test('tells the owner when there is news, and only then', async () => {
  let status = agent();
  let asked = 0;
  const { clock, news, prober } = start(async () => {
    asked += 1;
    return status;
  });
  prober.track(target('a'));
  await eventually(() => asked === 1 && clock.sleeping === 1);
  expect(news).toEqual(['models/a']);
  await clock.advance(1_000);
  await eventually(() => asked === 2 && clock.sleeping === 1);
  expect(news).toHaveLength(1);
  status = agent({ percent: 51, bytesDone: 51 });
  await clock.advance(1_000);
  await eventually(() => news.length === 2);
  expect(prober.latest('a')).toMatchObject({ status: { percent: 51 }, progressedAt: clock.now() });
});

test('agents that never answer do not keep the others from being asked', async () => {
  const answered = new Set<string>();
  let inFlight = 0;
  let most = 0;
  const { prober, clock } = start(async ({ host }, signal) => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    try {
      if (host.startsWith('dead')) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      answered.add(host);
      return agent();
    } finally {
      inFlight -= 1;
    }
  });
  for (let index = 0; index < 200; index += 1) prober.track(target(`dead${index}`));
  for (let index = 0; index < 100; index += 1) prober.track(target(`live${index}`));
  for (let second = 0; answered.size < 100 && second < 30; second += 1) {
    await clock.advance(1_000);
    await new Promise(setImmediate);
  }
  expect(answered.size).toBe(100);
  expect(most).toBeLessThanOrEqual(64);
});

test('an answer of another shape is none', async () => {
  let asked = 0;
  const { news, prober, clock } = start(async () => {
    asked += 1;
    return { contract: 2, phase: 'Singing' };
  });
  prober.track(target('a'));
  await eventually(() => asked === 1 && clock.sleeping === 1);
  expect(prober.latest('a')).toEqual({});
  expect(news).toEqual([]);
});

test('a container that starts anew is asked at once; of the old one only its last words remain', async () => {
  let answer: () => Promise<unknown> = async () => agent({ phase: 'Failed', reason: 'SourceNotFound', message: 'No such file.' });
  let asked = 0;
  const { prober, clock } = start(() => {
    asked += 1;
    return answer();
  });
  prober.track(target('a'));
  await eventually(() => prober.latest('a')?.status?.phase === 'Failed' && clock.sleeping === 1);
  answer = async () => {
    throw new Error('connection refused');
  };
  prober.track(target('a', { restarts: 1 }));
  expect(prober.latest('a')).toEqual({ lastFailure: { reason: 'SourceNotFound', message: 'No such file.' } });
  await eventually(() => asked === 2);
});

test('a replica that is gone is asked no more', async () => {
  let asked = 0;
  const { prober, clock } = start(async () => {
    asked += 1;
    return agent();
  });
  prober.track(target('a'));
  await eventually(() => asked === 1 && clock.sleeping === 1);
  prober.untrack('a');
  await eventually(() => clock.sleeping === 0);
  expect(prober.latest('a')).toBeUndefined();
});
