import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ModelLine } from './line.ts';
import type { ServingLimits } from './ports.ts';
import { Replica } from './replica.ts';
import { patient } from './testing/terms.fake.ts';

const limits: ServingLimits = {
  maxConcurrencyPerReplica: 8,
  maxQueue: 256,
  queueTimeoutMs: 60_000,
  holdTimeoutMs: 60_000,
  firstTokenTimeoutMs: 60_000,
  idleStreamTimeoutMs: 60_000,
  requestTimeoutMs: 60_000,
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function lineOf(replicas: number, more: Partial<ServingLimits> = {}): ModelLine {
  const line = new ModelLine({ ...limits, ...more }, () => 0.5, Date.now);
  for (let index = 0; index < replicas; index += 1) {
    const upstream = { dispatch: () => true, close: async () => {} };
    const replica = new Replica({ id: `${index}`, name: `m-${index}`, origin: `http://${index}` }, upstream, Date.now);
    replica.ready = true;
    line.replicas.add(replica);
  }
  return line;
}

/** A caller of a tenant that asks again as soon as it is answered; notes the time from its request to its answer, in milliseconds. */
async function call(
  line: ModelLine,
  tenant: string,
  tokens: { readonly prompt: number; readonly answer: number },
  noted: number[],
): Promise<never> {
  for (let request = 0; ; request += 1) {
    const asked = Date.now();
    const terms = patient(60_000, tokens.prompt + 512, { tenant, promptTokens: tokens.prompt });
    const turn = await line.join(terms).wait();
    if (turn.kind === 'refused') throw new Error(turn.why);
    // Two milliseconds a token, and no two answers end together.
    await new Promise((resolve) => setTimeout(resolve, 2 * tokens.answer + (request % 7)));
    turn.lease.settle(tokens.prompt, tokens.answer);
    turn.lease.release();
    noted.push(Date.now() - asked);
  }
}

function p95(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? Number.NaN;
}

test('a tenant with two callers hardly notices another one with two hundred', async () => {
  const work = { prompt: 100, answer: 250 };
  const run = async (crowd: number) => {
    const line = lineOf(8);
    const times: number[] = [];
    for (let caller = 0; caller < crowd; caller += 1) call(line, 'crowd', { prompt: 100, answer: 200 + (caller % 100) }, []);
    await vi.advanceTimersByTimeAsync(1_000);
    for (let caller = 0; caller < 2; caller += 1) call(line, 'small', work, times);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(times.length).toBeGreaterThan(50);
    return p95(times);
  };
  const alone = await run(0);
  expect(await run(200)).toBeLessThan(2 * alone);
});

test('who comes while the first answers of a crowd are still a guess is not charged for the guess', async () => {
  const line = lineOf(8);
  const times: number[] = [];
  for (let caller = 0; caller < 200; caller += 1) call(line, 'crowd', { prompt: 10, answer: 75 + (caller % 50) }, []);
  await vi.advanceTimersByTimeAsync(50);
  for (let caller = 0; caller < 2; caller += 1) call(line, 'small', { prompt: 10, answer: 100 }, times);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(Math.max(...times)).toBeLessThan(2 * 2 * 125);
});

test('two tenants that always wait are served as many tokens, whatever their requests are like', async () => {
  const line = lineOf(4);
  const [long, short]: [number[], number[]] = [[], []];
  for (let caller = 0; caller < 60; caller += 1) {
    call(line, 'long', { prompt: 1_000, answer: 500 }, long);
    call(line, 'short', { prompt: 20, answer: 40 }, short);
  }
  await vi.advanceTimersByTimeAsync(60_000);
  const served = [long.length * (1_000 + 2 * 500), short.length * (20 + 2 * 40)] as const;
  expect(served[0] / served[1]).toBeGreaterThan(0.9);
  expect(served[0] / served[1]).toBeLessThan(1.1);
});

test('one tenant cannot fill the queue against another', () => {
  const line = lineOf(1, { maxConcurrencyPerReplica: 1, maxQueue: 10 });
  const crowd = Array.from({ length: 12 }, () => line.join(patient(1_000, 10, { tenant: 'crowd' })));
  expect(crowd.map(({ turn }) => turn?.kind)).toEqual(['lease', ...Array.from({ length: 10 }, () => undefined), 'refused']);

  const small = line.join(patient(1_000, 10, { tenant: 'small' }));
  expect([small.turn, crowd[10]?.turn]).toEqual([undefined, { kind: 'refused', why: 'full' }]);
  expect([line.length, line.tokensInFlight]).toEqual([10, 110]);
});

test('the queue is bounded by tokens too, but takes any one request', () => {
  const line = lineOf(1, { maxConcurrencyPerReplica: 1, maxQueueTokens: 100 });
  const turns = [50, 400, 10].map((tokens) => line.join(patient(1_000, tokens)).turn?.kind);
  expect(turns).toEqual(['lease', undefined, 'refused']);
  expect(line.join(patient(1_000, 10, { priority: 1 })).turn?.kind).toBeUndefined();
});
