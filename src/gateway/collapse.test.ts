import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BatchingEngine } from '../../test/bench/batching-engine.ts';
import { ModelLine } from './line.ts';
import type { ServingLimits } from './ports.ts';
import { Replica } from './replica.ts';
import { patient } from './testing/terms.fake.ts';

const workers = 8;
const promptTokens = 100;
/** About 32 sequences of 100 tokens and 20 to 180 more fit into the KV cache. */
const shape = { kvTokens: 6_400, maxSequences: 256, stepMs: 10, sequenceMs: 0.1, promptTokenMs: 0.1 };
const limits: ServingLimits = {
  maxConcurrencyPerReplica: 32,
  maxQueue: 512,
  queueTimeoutMs: 600_000,
  holdTimeoutMs: 600_000,
  firstTokenTimeoutMs: 600_000,
  idleStreamTimeoutMs: 600_000,
  requestTimeoutMs: 600_000,
};
const settleMs = 5_000;
const measuredMs = 10_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

type Fleet = { readonly line: ModelLine; readonly engines: ReadonlyMap<Replica, BatchingEngine> };

/** Engines that work in simulated time behind a line. */
function fleetOf(serving: Partial<ServingLimits>): Fleet {
  const line = new ModelLine({ ...limits, ...serving }, Math.random, Date.now);
  const engines = new Map<Replica, BatchingEngine>();
  for (let index = 0; index < workers; index += 1) {
    const upstream = { dispatch: () => true, close: async () => {} };
    const replica = new Replica({ id: `${index}`, name: `m-${index}`, origin: `http://${index}` }, upstream, Date.now);
    replica.ready = true;
    line.replicas.add(replica);
    const engine = new BatchingEngine(shape);
    engines.set(replica, engine);
    const run = () => void setTimeout(run, engine.idle ? 1 : engine.step());
    run();
  }
  return { line, engines };
}

/** What callers get who ask again as soon as they are answered, and when they are refused after the time that they are told. */
async function serve(callers: number, serving: Partial<ServingLimits> = {}) {
  const { line, engines } = fleetOf(serving);
  const measureFrom = Date.now() + settleMs;
  const ttftMs: number[] = [];
  let tokens = 0;
  let answers = 0;
  const call = async (): Promise<never> => {
    for (;;) {
      const asked = Date.now();
      const terms = patient(600_000, 0, { promptTokens, tokens: promptTokens + 180 });
      const place = line.join(terms);
      const turn = await place.wait();
      if (turn.kind === 'refused') {
        await sleep(line.expectedWaitSeconds(terms) * 1_000);
        continue;
      }
      const { lease } = turn;
      answers += 1;
      const outputTokens = 20 + ((answers * 61) % 161);
      await new Promise<void>((onDone) => {
        const onFirst = () => void (Date.now() >= measureFrom && ttftMs.push(Date.now() - asked));
        engines.get(lease.replica)?.submit({ promptTokens, outputTokens, generated: 0, onFirst, onDone });
      });
      lease.settle(promptTokens, outputTokens);
      lease.release();
      if (Date.now() >= measureFrom) tokens += outputTokens;
    }
  };
  for (let caller = 0; caller < callers; caller += 1) void call();
  await vi.advanceTimersByTimeAsync(settleMs + measuredMs);
  return { tokens, slowestMs: Math.max(...ttftMs) };
}

test('eight times the callers make the fleet do no less, and whoever is admitted waits a bounded time', async () => {
  const few = await serve(300);
  const many = await serve(2_400);
  expect(many.tokens).toBeGreaterThan(0.95 * few.tokens);
  // Every place of the queue comes up once in the time that it takes to serve the queue and the slots.
  const queueMs = ((limits.maxQueue + workers * limits.maxConcurrencyPerReplica) * 100 * 1_000) / (many.tokens / (measuredMs / 1_000));
  expect(many.slowestMs).toBeLessThan(2 * queueMs);
});

test('without a bound on what a replica gets, they do', async () => {
  const bounded = await serve(2_400);
  const unbounded = await serve(2_400, { maxConcurrencyPerReplica: 4_096 });
  expect(unbounded.tokens).toBeLessThan(0.95 * bounded.tokens);
});
