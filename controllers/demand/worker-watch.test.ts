import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import type { FetchStatus } from '../modeldeployment/prober.ts';
import { agent } from '../modeldeployment/testing/makers.fake.ts';
import { WorkerReports } from './worker-reports.ts';
import { WorkerWatch, type WorkerWatchOptions } from './worker-watch.ts';

let clock: FakeClock;
let reports: WorkerReports;
let stop: AbortController;
let running: Promise<void>;

beforeEach(() => {
  clock = new FakeClock(1_000_000);
  reports = new WorkerReports(clock);
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await running;
});

const worker = (host: string) => ({ owner: 'models/qwen', uid: host, host, managementPort: 9090 });

function start(fetchStatus: FetchStatus, workers: WorkerWatchOptions['workers']): void {
  running = new WorkerWatch({ workers, fetchStatus, reports, clock }).run(stop.signal);
}

test('asks whoever is to be asked, each five seconds', async () => {
  let usage = 0.5;
  let asked = 0;
  let hosts = ['a'];
  start(
    async () => {
      asked += 1;
      return agent({ phase: 'Ready', kvCacheUsage: usage });
    },
    () => hosts.map(worker),
  );
  await eventually(() => expect(reports.of('models/qwen').kvCache).toMatchObject({ usage: 0.5 }));
  usage = 0.7;
  hosts = ['a', 'b'];
  await eventually(() => clock.sleeping === 1);
  await clock.advance(4_999);
  expect(asked).toBe(1);
  await clock.advance(1);
  await eventually(() => expect(asked).toBe(3));
  await eventually(() => expect(reports.of('models/qwen').kvCache).toMatchObject({ usage: 0.7 }));
});

test('asks many more slowly, but never so that what they told grows old meanwhile', async () => {
  let asked = 0;
  let count = 700;
  start(
    async () => {
      asked += 1;
      return agent({ phase: 'Ready', kvCacheUsage: 0.5 });
    },
    () => Array.from({ length: count }, (_, index) => worker(`w${index}`)),
  );
  const restsAfter = (total: number) => eventually(() => expect([asked, clock.sleeping]).toEqual([total, 1]));
  await restsAfter(700);
  await clock.advance(6_999);
  expect(asked).toBe(700);
  count = 5_000;
  await clock.advance(1);
  await restsAfter(5_700);
  await clock.advance(12_000);
  await restsAfter(10_700);
});

test('one that does not answer, or not in our words, keeps nothing from the others', async () => {
  const silent = (signal: AbortSignal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  start(
    async ({ host }, signal) => {
      if (host.startsWith('silent')) return silent(signal);
      return host === 'odd' ? { hello: 'world' } : agent({ phase: 'Ready', kvCacheUsage: 0.25 });
    },
    () => [...Array.from({ length: 16 }, (_, index) => `silent${index}`), 'odd', 'good'].map(worker),
  );
  await eventually(() => clock.sleeping === 16);
  expect(reports.of('models/qwen').kvCache).toBeUndefined();
  await clock.advance(2_000);
  await eventually(() => expect(reports.of('models/qwen').kvCache).toMatchObject({ usage: 0.25, stale: false }));
});

test('ends at once when it is stopped, also in the middle of a question', async () => {
  start(
    (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    () => [worker('a')],
  );
  await eventually(() => clock.sleeping === 1);
  stop.abort();
  await running;
});
