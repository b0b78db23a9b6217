import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../src/core/agent-contract.ts';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { WorkerReports } from '../demand/worker-reports.ts';
import { type FetchStatus, type RequestDrain, StatusProber, type Target } from './prober.ts';
import { agent } from './testing/makers.fake.ts';

let stop = new AbortController();
beforeEach(() => {
  stop = new AbortController();
});
afterEach(() => stop.abort());

function target(uid: string, fields: Partial<Target> = {}): Target {
  return { uid, owner: `models/${uid}`, host: uid, managementPort: 9090, restarts: 0, ready: true, ...fields };
}

function start(fetchStatus: FetchStatus, requestDrain?: RequestDrain) {
  const clock = new FakeClock();
  const news: string[] = [];
  const prober = new StatusProber({ fetchStatus, requestDrain, clock });
  prober.start((owner) => news.push(owner), stop.signal);
  return { clock, news, prober };
}

/** The same with an agent that answers what `status` says, and counts how often it was asked. */
function startAgent(status: () => AgentStatus) {
  let asked = 0;
  const started = start(async () => {
    asked += 1;
    return status();
  });
  return { ...started, asked: () => asked };
}

test('hears of a failure that was over before it was asked again, but not of one from before its first answer', async () => {
  const lastFailure = (at: string) => ({ reason: 'EngineCrashed', message: 'It was ended by SIGKILL.', at });
  let status = agent({ lastFailure: lastFailure('2026-01-01T00:00:00.000Z') });
  const { clock, news, prober, asked } = startAgent(() => status);
  prober.track(target('a'));
  await eventually(() => asked() === 1 && clock.sleeping === 1);
  expect(prober.latest('a')?.mishap).toBeUndefined();
  status = agent({ lastFailure: lastFailure('2026-01-01T00:00:07.000Z') });
  for (const round of [2, 3]) {
    await clock.advance(1_000);
    await eventually(() => asked() === round && clock.sleeping === 1);
    expect(prober.latest('a')?.mishap).toMatchObject({ reason: 'EngineCrashed', message: 'It was ended by SIGKILL.' });
    expect(news).toHaveLength(2);
  }
});

test('asks each second while a replica loads, each ten seconds after, together with the others', async () => {
  let status = agent();
  const { clock, prober, asked } = startAgent(() => status);
  prober.track(target('a'));
  await eventually(() => asked() === 1 && clock.sleeping === 1);
  await clock.advance(1_000);
  await eventually(() => asked() === 2 && clock.sleeping === 1);
  status = agent({ phase: 'Ready', percent: 100 });
  await clock.advance(1_000);
  await eventually(() => asked() === 3 && clock.sleeping === 1);
  await clock.advance(7_999);
  expect(asked()).toBe(3);
  await clock.advance(1);
  await eventually(() => asked() === 4);
});

test('tells the owner when there is news, and only then', async () => {
  let status = agent();
  const { clock, news, prober, asked } = startAgent(() => status);
  prober.track(target('a'));
  await eventually(() => asked() === 1 && clock.sleeping === 1);
  expect(news).toEqual(['models/a']);
  await clock.advance(1_000);
  await eventually(() => asked() === 2 && clock.sleeping === 1);
  expect(news).toHaveLength(1);
  status = agent({ percent: 51, bytesDone: 51 });
  await clock.advance(1_000);
  await eventually(() => news.length === 2);
  expect(prober.latest('a')).toMatchObject({ status: { percent: 51 }, progressedAt: clock.now() });
});

test('whoever adds up what workers have hears every answer, and which replicas are gone or began anew', async () => {
  const clock = new FakeClock();
  const reports = new WorkerReports(clock);
  const prober = new StatusProber({ fetchStatus: async ({ host }) => agent({ inFlight: host === 'a' ? 4 : 1 }), reports, clock });
  prober.start(() => {}, stop.signal);
  const inSystem = () => reports.of('models/qwen').inSystem;
  for (const uid of ['a', 'b']) prober.track(target(uid, { owner: 'models/qwen' }));
  await eventually(() => expect(inSystem()).toBe(5));
  prober.track(target('a', { owner: 'models/qwen', restarts: 1 }));
  expect(inSystem()).toBe(1);
  await eventually(() => expect(inSystem()).toBe(5));
  prober.untrack('a');
  expect(inSystem()).toBe(1);
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
  expect(prober.latest('a')).toEqual({
    askedSince: clock.now(),
    problem: 'it speaks version 2 of the contract, this controller version 1',
  });
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
  expect(prober.latest('a')).toEqual({
    askedSince: clock.now(),
    lastFailure: { reason: 'SourceNotFound', message: 'No such file.' },
  });
  await eventually(() => asked === 2);
  await eventually(() => prober.latest('a')?.problem === 'connection refused');
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

test('remembers when a silent agent last answered, and why it cannot be asked', async () => {
  let answers = true;
  const { prober, clock } = start(async () => {
    if (!answers) throw new Error('connect ECONNREFUSED 10.0.0.1:9090');
    return agent();
  });
  prober.track(target('a'));
  await eventually(() => prober.latest('a')?.status !== undefined && clock.sleeping === 1);
  const answeredAt = clock.now();
  answers = false;
  await clock.advance(1_000);
  await eventually(() => prober.latest('a')?.problem !== undefined && clock.sleeping === 1);
  expect(prober.latest('a')).toMatchObject({ answeredAt, problem: 'connect ECONNREFUSED 10.0.0.1:9090', status: { percent: 50 } });
  answers = true;
  await clock.advance(1_000);
  await eventually(() => prober.latest('a')?.problem === undefined);
});

test('an agent whose numbers go back and forth makes no progress', async () => {
  let asked = 0;
  const { prober, clock } = start(async () => {
    asked += 1;
    return agent({ percent: 40 - (asked % 2), bytesDone: null });
  });
  prober.track(target('a'));
  for (let second = 0; second < 30; second += 1) {
    await eventually(() => asked === second + 1 && clock.sleeping === 1);
    await clock.advance(1_000);
  }
  await eventually(() => asked === 31 && clock.sleeping === 1);
  const probe = prober.latest('a');
  expect(probe?.answeredAt).toBe(clock.now());
  expect(probe?.wentBack).toBe(3);
  expect(clock.now() - (probe?.progressedAt ?? clock.now())).toBeGreaterThanOrEqual(20_000);
});

describe('a replica that is marked to drain', () => {
  /** An agent that serves two requests until it is told to drain, and says so. */
  function serving({ fails = false }: { readonly fails?: boolean } = {}) {
    const agentOf = { draining: false, inFlight: 2, asked: 0, told: [] as number[] };
    const world = start(
      async () => {
        agentOf.asked += 1;
        return agent({ phase: agentOf.draining ? 'Draining' : 'Ready', draining: agentOf.draining, inFlight: agentOf.inFlight });
      },
      async () => {
        agentOf.told.push(world.clock.now());
        if (fails) throw new Error('it answered 404 to POST /drain');
        agentOf.draining = true;
      },
    );
    return { ...world, agentOf };
  }

  test('is told so a second after the mark, once, and then asked each second', async () => {
    const { prober, clock, agentOf } = serving();
    prober.track(target('a'));
    await eventually(() => agentOf.asked === 1 && clock.sleeping === 1);
    await clock.advance(5_000);
    const since = clock.now();
    prober.track(target('a', { drainingSince: since }));
    await eventually(() => agentOf.asked === 2 && clock.sleeping === 1);
    expect(agentOf.told).toEqual([]); // a gateway may not have heard of the mark yet
    await clock.advance(1_000);
    await eventually(() => agentOf.asked === 3 && clock.sleeping === 1);
    expect(agentOf.told).toEqual([since + 1_000]);
    expect(prober.latest('a')?.status?.draining).toBe(true);
    await clock.advance(1_000);
    await eventually(() => agentOf.asked === 4 && clock.sleeping === 1);
    expect(agentOf.told).toHaveLength(1);
  });

  test('is news with each request that it ends, which it is not while it serves', async () => {
    const { prober, clock, agentOf, news } = serving();
    prober.track(target('a'));
    await eventually(() => agentOf.asked === 1 && clock.sleeping === 1);
    agentOf.inFlight = 5;
    await clock.advance(10_000);
    await eventually(() => agentOf.asked === 2 && clock.sleeping === 1);
    expect(news).toHaveLength(1);
    prober.track(target('a', { drainingSince: clock.now() - 1_000 }));
    await eventually(() => news.length === 2 && clock.sleeping === 1); // it drains
    agentOf.inFlight = 4;
    await clock.advance(1_000);
    await eventually(() => news.length === 3 && clock.sleeping === 1);
    expect(prober.latest('a')?.status?.inFlight).toBe(4);
  });

  test('is told again until it says that it drains, and asked all the same', async () => {
    const { prober, clock, agentOf } = serving({ fails: true });
    prober.track(target('a', { drainingSince: clock.now() - 1_000 }));
    await eventually(() => agentOf.asked === 1 && clock.sleeping === 1);
    await clock.advance(1_000);
    await eventually(() => agentOf.asked === 2 && clock.sleeping === 1);
    expect(agentOf.told).toHaveLength(2);
    expect(prober.latest('a')).toMatchObject({ status: { draining: false } });
  });

  test('is told again when its container starts anew', async () => {
    const { prober, clock, agentOf } = serving();
    const drainingSince = clock.now() - 1_000;
    prober.track(target('a', { drainingSince }));
    await eventually(() => agentOf.told.length === 1 && clock.sleeping === 1);
    agentOf.draining = false;
    prober.track(target('a', { drainingSince, restarts: 1 }));
    await eventually(() => agentOf.told.length === 2);
  });
});

test('asks at once when a replica is no longer ready, and each second until it is', async () => {
  let asked = 0;
  const { clock, prober } = start(async () => {
    asked += 1;
    return agent({ phase: 'Ready' });
  });
  prober.track(target('a'));
  await eventually(() => expect(asked).toBe(1));
  prober.track(target('a', { ready: false }));
  await eventually(() => expect(asked).toBe(2));
  await clock.advance(1_000);
  await eventually(() => expect(asked).toBe(3));
});
