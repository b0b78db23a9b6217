import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { demandFor, type Part } from './demand.ts';
import { modelLoad } from './model-load.ts';
import { WorkerReports } from './worker-reports.ts';

let clock: FakeClock;
let reports: WorkerReports;
const model = 'models/qwen';

beforeEach(() => {
  clock = new FakeClock(1_000_000);
  reports = new WorkerReports(clock);
});

type Told = Parameters<WorkerReports['told']>[2];

function tell(uid: string, fields: Partial<Told> = {}): void {
  reports.told(model, uid, { phase: 'Ready', inFlight: 0, waiting: 0, ...fields });
}

describe('the requests that workers have', () => {
  test('are added up, those that run and those that wait', () => {
    tell('a', { inFlight: 8, waiting: 2 });
    tell('b', { inFlight: 3, phase: 'Draining' });
    reports.told('models/other', 'c', { phase: 'Ready', inFlight: 9, waiting: 9 });
    expect(reports.of(model)).toMatchObject({ inSystem: 13, waiting: 2 });
  });

  test('no longer count when their worker is gone, or has not been heard for a while', async () => {
    tell('a', { inFlight: 8 });
    tell('b', { inFlight: 1 });
    reports.forget(model, 'a');
    expect(reports.of(model)).toMatchObject({ inSystem: 1 });
    await clock.advance(15_000);
    expect(reports.of(model)).toMatchObject({ inSystem: 1 });
    await clock.advance(1);
    expect(reports.of(model)).toMatchObject({ inSystem: 0 });
  });

  test('are none where nobody is asked', () => expect(reports.of(model)).toEqual({ inSystem: 0, waiting: 0 }));
});

describe('the use of the KV cache', () => {
  test('is the mean of the loaded replicas', () => {
    tell('a', { kvCacheUsage: 0.9 });
    tell('b', { kvCacheUsage: 0.3 });
    tell('c', { phase: 'LoadingWeights' });
    tell('d', { phase: 'Draining', kvCacheUsage: 0.1 });
    expect(reports.of(model).kvCache).toEqual({ usage: expect.closeTo(0.6), at: clock.now(), stale: false });
  });

  test('is nothing as long as nothing is loaded', () => {
    tell('a', { phase: 'LoadingWeights' });
    expect(reports.of(model).kvCache).toMatchObject({ usage: 0, stale: false });
  });

  test('is not known when no loaded replica tells it', () => {
    tell('a');
    tell('b', { phase: 'LoadingWeights' });
    expect(reports.of(model).kvCache).toBeUndefined();
  });

  test('is that of the replicas that are heard, and stale when none is', async () => {
    const first = clock.now();
    tell('a', { kvCacheUsage: 0.9 });
    await clock.advance(10_000);
    tell('b', { kvCacheUsage: 0.3 });
    await clock.advance(5_001);
    expect(reports.of(model).kvCache).toEqual({ usage: 0.3, at: first + 10_000, stale: false });
    await clock.advance(10_000);
    expect(reports.of(model).kvCache).toEqual({ usage: expect.closeTo(0.6), at: first, stale: true });
  });
});

describe('the load of a model', () => {
  const gateway = (running: number, queued: number): Part => {
    const now = clock.now();
    const counts = { held: 0, queued, running, tokensInFlight: 900, ttftMillis: 250, ttftCount: 4 };
    return { ready: true, since: now, heardAt: now, models: new Map([[model, counts]]) };
  };
  const load = (part: Part) => modelLoad(demandFor(model, [part], clock.now()), reports.of(model));

  test('is what the gateways have', () => {
    tell('a', { inFlight: 3, kvCacheUsage: 0.5 });
    expect(load(gateway(4, 2))).toEqual({
      inSystem: 6,
      waiting: 2,
      tokensInFlight: 900,
      timeToFirstTokenSeconds: 0.25,
      kvCacheUsage: 0.5,
    });
  });

  test('or what the workers have, where callers come by other ways', () => {
    tell('a', { inFlight: 8, waiting: 3 });
    expect(load(gateway(4, 2))).toMatchObject({ inSystem: 11, waiting: 5 });
  });
});
