import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AgentStatus } from '../../src/core/agent-contract.ts';
import { phaseLadder, replicaPhases } from '../../src/core/phases.ts';
import { markProgress, type ProgressMark } from './progress-mark.ts';
import { agent } from './testing/makers.fake.ts';

/** Which of the answers got further. */
function progress(...answers: readonly Partial<AgentStatus>[]): boolean[] {
  let mark: ProgressMark | undefined;
  return answers.map((fields) => {
    const next = markProgress(mark, agent({ bytesDone: null, ...fields }));
    mark = next.mark;
    return next.progressed;
  });
}

test('a percent, a byte or a phase more is progress; the same again is none', () => {
  expect(progress({ percent: 1 }, { percent: 1 }, { percent: 2 })).toEqual([true, false, true]);
  expect(progress({ bytesDone: 1, percent: null }, { bytesDone: 2, percent: null })).toEqual([true, true]);
  expect(progress({ phase: 'Fetching', percent: 90 }, { phase: 'Verifying', percent: 0 })).toEqual([true, true]);
});

test('bytes that come count although a growing total takes the percent back', () =>
  expect(progress({ bytesDone: 10, percent: 50 }, { bytesDone: 11, percent: 30 })).toEqual([true, true]));

test('a download that must begin anew gets on from its new beginning', () =>
  expect(progress({ percent: 90 }, { percent: 0 }, { percent: 1 })).toEqual([true, false, true]));

test('going back a fourth time is believed no more: only what is further than the best counts', () => {
  const back = [{ percent: 40 }, { percent: 39 }, { percent: 40 }, { percent: 39 }, { percent: 40 }, { percent: 39 }, { percent: 40 }];
  expect(progress(...back, { percent: 39 }, { percent: 40 }, { percent: 41 })).toEqual([
    ...[true, false, true, false, true, false, true],
    ...[false, false, true],
  ]);
});

test('a phase that goes back is none', () =>
  expect(progress({ phase: 'WarmingUp' }, { phase: 'Fetching' }, { phase: 'Fetching' })).toEqual([true, false, false]));

test('an engine that crashes may load again three times; once the model was loaded all is forgiven', () => {
  const load = (second: number): Partial<AgentStatus> => ({ phase: 'Fetching', percent: 10, startedAt: `2026-01-01T00:00:0${second}Z` });
  expect(progress(load(0), load(1), load(2), load(3), load(4))).toEqual([true, true, true, true, false]);
  const ready: Partial<AgentStatus> = { phase: 'Ready', startedAt: '2026-01-01T00:00:03Z' };
  expect(progress(load(0), load(1), load(2), load(3), ready, load(4))).toEqual([true, true, true, true, true, true]);
});

test('a failure and a drain are no progress', () =>
  expect(progress({ percent: 1 }, { phase: 'Failed', percent: 99 }, { phase: 'Draining', percent: 99 })).toEqual([true, false, false]));

test('whatever an agent says, it cannot make progress for ever without getting to Ready', () => {
  const answers = fc.array(
    fc.record({
      phase: fc.constantFrom(...replicaPhases.filter((phase) => phase !== 'Ready')),
      percent: fc.option(fc.integer({ min: 0, max: 3 })),
      bytesDone: fc.option(fc.integer({ min: 0, max: 3 })),
      startedAt: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'),
    }),
    { minLength: 1, maxLength: 400 },
  );
  // Each time that it goes back it may climb all of the steps once more, and there are three such times.
  const most = (3 + 1) * phaseLadder.length * 4 * 4 + 3;
  fc.assert(
    fc.property(answers, (said) => {
      expect(progress(...said).filter(Boolean).length).toBeLessThanOrEqual(most);
    }),
  );
});
