import { expect, test } from 'vitest';
import { elapsedMs, followed, type Sighting, type Timeline, takenTimes, toldTimes } from './load-timeline.ts';
import { container, pod, t0 } from './testing/makers.fake.ts';

type Step = Partial<Sighting> & { readonly after?: number };

/** The timeline of these sightings, each so many seconds after the first. */
function timeline(...steps: readonly Step[]): Timeline {
  const sightings = steps.map(({ after = 0, ...sighting }) => ({
    phase: undefined,
    troubled: false,
    restarts: 0,
    told: {},
    now: t0 + after * 1_000,
    ...sighting,
  }));
  const last = sightings.reduce<Timeline | undefined>(followed, undefined);
  if (!last) throw new Error('no sightings');
  return last;
}

test('measures phases from one to the next; what was passed over took no time', () => {
  const taken = takenTimes(
    timeline(
      { phase: 'Pending' },
      { phase: 'Scheduled', after: 1 },
      { phase: 'Fetching', after: 3 },
      { phase: 'Fetching', after: 10 },
      { phase: 'LoadingWeights', after: 63 },
      { phase: 'Ready', after: 70 },
    ),
  );
  expect(taken).toEqual({
    Scheduled: 2_000,
    PullingImage: 0,
    Fetching: 60_000,
    Verifying: 0,
    LoadingWeights: 7_000,
    Compiling: 0,
    WarmingUp: 0,
  });
});

test('takes the times of scheduler and kubelet where the pod has them, and never lets a clock run backwards', () => {
  const told = { Scheduled: t0 + 1_000, PullingImage: t0 + 500, Fetching: t0 + 9_000 };
  const taken = takenTimes(timeline({ phase: 'Fetching', told, after: 10 }, { phase: 'Verifying', after: 15 }));
  expect(taken).toEqual({ Scheduled: 0, PullingImage: 8_000, Fetching: 6_000 });
});

test('does not measure a phase that nobody saw begin', () => {
  expect(takenTimes(timeline({ phase: 'LoadingWeights' }, { phase: 'WarmingUp', after: 5 }, { phase: 'Ready', after: 6 }))).toEqual({
    WarmingUp: 1_000,
  });
});

test('does not take for nothing what an agent did before it was heard', () => {
  const begun = { phase: 'Scheduled' as const, told: { Scheduled: t0 } };
  const told = { PullingImage: t0 + 1_000, Fetching: t0 + 4_000 };
  const late = timeline(begun, { phase: 'WarmingUp', told, after: 20 }, { phase: 'Ready', after: 25 });
  expect(takenTimes(late)).toEqual({ Scheduled: 1_000, PullingImage: 3_000 });
  expect(elapsedMs(timeline(begun, { phase: 'WarmingUp', told, after: 20 }), t0 + 21_000)).toBeUndefined();
  const soon = timeline(begun, { phase: 'WarmingUp', told, after: 6 }, { phase: 'Ready', after: 11 });
  expect(takenTimes(soon)).toMatchObject({ Fetching: 2_000, LoadingWeights: 0, WarmingUp: 5_000 });
});

test('does not learn from a phase with trouble', () => {
  const taken = takenTimes(
    timeline(
      { phase: 'Scheduled', told: { Scheduled: t0 } },
      { phase: 'PullingImage', after: 1 },
      { phase: 'PullingImage', after: 2, troubled: true },
      { phase: 'Fetching', after: 3_600 },
      { phase: undefined, after: 3_605, troubled: true },
      { phase: 'Fetching', after: 3_610 },
      { phase: 'Ready', after: 3_620 },
    ),
  );
  expect(taken).toMatchObject({ Scheduled: 1_000 });
  expect(Object.keys(taken)).not.toEqual(expect.arrayContaining(['PullingImage']));
  expect(Object.keys(taken)).not.toEqual(expect.arrayContaining(['Fetching']));
});

test('begins anew with a new container, and when a load begins again', () => {
  const restarted = timeline({ phase: 'WarmingUp' }, { phase: 'Fetching', restarts: 1, told: { Fetching: t0 + 4_000 }, after: 5 });
  expect(elapsedMs(restarted, t0 + 6_000)).toBe(2_000);
  const again = timeline({ phase: 'WarmingUp' }, { phase: undefined, troubled: true, after: 1 }, { phase: 'Fetching', after: 5 });
  expect(again.entries.map(({ phase }) => phase)).toEqual(['Fetching']);
  expect(elapsedMs(again, t0 + 6_000)).toBe(1_000);
});

test('stays the very same when nothing is new', () => {
  const before = timeline({ phase: 'Fetching' });
  expect(followed(before, { phase: 'Fetching', troubled: false, restarts: 0, told: {}, now: t0 + 9 })).toBe(before);
});

test('reads when phases began from the pod', () => {
  const conditions = [
    { type: 'PodScheduled', status: 'True' as const, lastTransitionTime: '2026-01-01T00:00:01Z' },
    { type: 'PodReadyToStartContainers', status: 'True' as const, lastTransitionTime: '2026-01-01T00:00:02Z' },
  ];
  const running = (restartCount: number) =>
    pod('a', {
      status: { conditions, containerStatuses: [container({ running: { startedAt: '2026-01-01T00:00:09Z' } }, { restartCount })] },
    });
  expect(toldTimes(running(0))).toEqual({ Pending: t0, Scheduled: t0 + 1_000, PullingImage: t0 + 2_000, Fetching: t0 + 9_000 });
  expect(toldTimes(running(1))).toEqual({ Fetching: t0 + 9_000 });
});

test('takes no container beside the worker for it', () => {
  const beside = container({ running: { startedAt: '2026-01-01T00:00:03Z' } }, { name: 'log', restartCount: 4 });
  const worker = container({ running: { startedAt: '2026-01-01T00:00:09Z' } });
  expect(toldTimes(pod('a', { status: { containerStatuses: [beside, worker] } }))).toEqual({ Pending: t0, Fetching: t0 + 9_000 });
});
