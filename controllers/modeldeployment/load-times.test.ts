import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoadTimes } from '../../src/api/model-deployment.ts';
import { etaOf, ladderOf, learn, modelIdentity, timesFor } from './load-times.ts';
import { deployment, t0 } from './testing/makers.fake.ts';

const times = {
  Scheduled: 1_000,
  PullingImage: 20_000,
  Fetching: 60_000,
  Verifying: 5_000,
  LoadingWeights: 10_000,
  Compiling: 0,
  WarmingUp: 4_000,
};
const lesson = { model: 'm', nodeClass: 'H100', times, at: t0 };
const learned = (fields: Partial<LoadTimes> = {}): LoadTimes => ({
  nodeClass: 'H100',
  model: 'm',
  loads: 1,
  learnedAt: '2026-01-01T00:00:00Z',
  milliseconds: times,
  ...fields,
});

describe('the time left', () => {
  test('is known before any byte moves, once the same model was loaded on the same kind of node', () => {
    expect(etaOf({ phase: 'Scheduled', elapsedMs: 0, agentEtaSeconds: null }, times)).toBe(100);
    expect(etaOf({ phase: 'PullingImage', elapsedMs: 5_000, agentEtaSeconds: null }, times)).toBe(15 + 60 + 5 + 10 + 4);
  });

  test('is what the agent expects for its phase, and what was learned for those after it', () => {
    expect(etaOf({ phase: 'Fetching', elapsedMs: 5_000, agentEtaSeconds: 300 }, times)).toBe(300 + 5 + 10 + 4);
  });

  test('is on a first load what the agent knows, once the weights are being read', () => {
    expect(etaOf({ phase: 'Fetching', elapsedMs: 5_000, agentEtaSeconds: 300 })).toBeNull();
    expect(etaOf({ phase: 'LoadingWeights', elapsedMs: 5_000, agentEtaSeconds: 7 })).toBe(7);
  });

  test.each<[string, Parameters<typeof etaOf>]>([
    ['nothing was learned', [{ phase: 'Fetching', elapsedMs: 0, agentEtaSeconds: 3 }]],
    [
      'a later phase was never watched',
      [{ phase: 'Fetching', elapsedMs: 0, agentEtaSeconds: 3 }, { ...times, WarmingUp: undefined } as never],
    ],
    ['nobody saw the phase begin', [{ phase: 'LoadingWeights', elapsedMs: undefined, agentEtaSeconds: null }, times]],
    [
      'the phase takes longer than it did, by more than a tenth of the whole',
      [{ phase: 'WarmingUp', elapsedMs: 14_001, agentEtaSeconds: null }, times],
    ],
  ])('is null when %s', (_, [whereabouts, known]) => expect(etaOf(whereabouts, known)).toBeNull());

  test('is what comes after, not less, while the phase takes a little longer than it did', () => {
    expect(etaOf({ phase: 'WarmingUp', elapsedMs: 14_000, agentEtaSeconds: null }, times)).toBe(0);
    expect(etaOf({ phase: 'PullingImage', elapsedMs: 30_000, agentEtaSeconds: null }, times)).toBe(60 + 5 + 10 + 4);
  });
});

describe('learning', () => {
  test('keeps what the first load took, and lets the newest count most', () => {
    const once = learn([], lesson);
    expect(once).toEqual([learned()]);
    const twice = learn(once, { ...lesson, times: { ...times, Fetching: 80_000 }, at: t0 + 60_000 });
    expect(twice).toMatchObject([{ loads: 2, learnedAt: '2026-01-01T00:01:00Z', milliseconds: { Fetching: 70_000, Scheduled: 1_000 } }]);
    const often = learn([learned({ loads: 50 })], { ...lesson, times: { Fetching: 160_000 } });
    expect(often).toMatchObject([{ loads: 51, milliseconds: { Fetching: 90_000, WarmingUp: 4_000 } }]);
  });

  test('forgets another model on the same kind of node, and the oldest of more than eight kinds', () => {
    expect(learn([learned({ model: 'other' })], lesson)).toEqual([learned()]);
    const kinds = Array.from({ length: 8 }, (_, index) =>
      learned({ nodeClass: `kind-${index}`, learnedAt: `2025-01-0${index + 1}T00:00:00Z` }),
    );
    const after = learn(kinds, lesson).map(({ nodeClass }) => nodeClass);
    expect(after).toHaveLength(8);
    expect(after).toContain('H100');
    expect(after).not.toContain('kind-0');
  });
});

describe('earlier loads', () => {
  test('are those of the same model on the same kind of node, the newest first', () => {
    const newest = learned({ learnedAt: '2026-02-01T00:00:00Z', milliseconds: { Fetching: 1 } });
    expect(timesFor([learned(), newest, learned({ nodeClass: 'A10' })], 'm', 'H100')).toEqual({ Fetching: 1 });
    expect(timesFor([learned()], 'm', 'A10')).toBeUndefined();
    expect(timesFor([learned()], 'other', 'H100')).toBeUndefined();
  });

  test('tell of a replica without a node only when there is one kind that it could get', () => {
    expect(timesFor([learned()], 'm', undefined)).toEqual(times);
    expect(timesFor([learned(), learned({ nodeClass: 'A10' })], 'm', undefined)).toBeUndefined();
  });

  test('are found by what is loaded and by which engine, whatever else the spec says', () => {
    const of = (spec: Parameters<typeof deployment>[0]) => modelIdentity(deployment(spec).spec);
    const model = { source: 'hf://a/b', files: ['x', 'y'] };
    expect(of({ model })).toBe(of({ model: { ...model, files: ['y', 'x'] }, replicas: 7, engine: { type: 'Worker' } }));
    for (const other of [
      { model: { source: 'hf://a/c' } },
      { model: { ...model, files: ['x'] } },
      { model, engine: { device: 'CPU' as const } },
    ])
      expect(of(other)).not.toBe(of({ model }));
  });
});

test('a ladder gives each phase its share of the time, and at least a percent', () => {
  const ladder = ladderOf(times);
  expect(ladder).toMatchObject({ Pending: 0, Scheduled: 1, Ready: 100 });
  expect(ladder && Math.round(ladder.Verifying - ladder.Fetching)).toBe(56); // of 92 that are shared, 60 %, and its own
  expect(ladderOf({ Fetching: 1 })).toBeUndefined();
  expect(ladderOf(undefined)).toBeUndefined();
});

test('a ladder climbs from 0 to 100 whatever was learned', () => {
  const duration = fc.nat(10_000_000);
  const anyTimes = fc.record(Object.fromEntries(Object.keys(times).map((phase) => [phase, duration])));
  fc.assert(
    fc.property(anyTimes, (learnedTimes) => {
      const steps = Object.values(ladderOf(learnedTimes) ?? { none: 0, all: 100 });
      expect(steps.at(0)).toBe(0);
      expect(steps.at(-1)).toBe(100);
      for (const [index, step] of steps.entries()) expect(step).toBeGreaterThanOrEqual(index === 0 ? 0 : (steps[index - 1] ?? 0));
    }),
  );
});
