import fc from 'fast-check';
import { expect, test } from 'vitest';
import { agentStatus } from '../../core/agent-contract.ts';
import { Failure } from '../../core/failure.ts';
import { advance, beginLoad, countBytes, describe as describeLoad, enterPhase, fail, type LoadState, remark } from './phases.ts';

const t0 = Date.UTC(2026, 0, 1);
const around = { model: 'm', engine: 'llama', inFlight: 0, waiting: 0, draining: false };
const loading = (bytes = 1000) => enterPhase(enterPhase(beginLoad(t0), 'Fetching', t0), 'LoadingWeights', t0, bytes);
const show = (state: LoadState, now: number) => describeLoad(state, around, now);

test('tells speed and remaining time from what moved in the last seconds', () => {
  const state = advance(advance(loading(), 0.25, t0 + 1000), 0.5, t0 + 2000);
  expect(show(state, t0 + 2000)).toMatchObject({
    phase: 'LoadingWeights',
    percent: 50,
    bytesDone: 500,
    bytesPerSecond: 250,
    etaSeconds: 2,
  });
});

test('has no remaining time before enough has moved, nor when nothing moves any more', () => {
  expect(show(loading(), t0 + 100)).toMatchObject({ bytesPerSecond: null, etaSeconds: null });
  const stuck = advance(loading(), 0.5, t0 + 1000);
  expect(show(stuck, t0 + 60_000)).toMatchObject({ bytesPerSecond: 0, etaSeconds: null });
});

test('remembers when it last moved, not when it was last asked or told the same', () => {
  const state = advance(advance(loading(), 0.5, t0 + 1000), 0.5, t0 + 9000);
  expect(show(state, t0 + 9000).lastProgressAt).toBe(new Date(t0 + 1000).toISOString());
});

const fetching = () => enterPhase(beginLoad(t0), 'Fetching', t0);

test('a download tells its real bytes; those that were there already are no speed', () => {
  const resumed = countBytes(fetching(), 600, 1000, t0);
  expect(show(resumed, t0 + 1000)).toMatchObject({ phase: 'Fetching', percent: 60, bytesDone: 600, bytesTotal: 1000, bytesPerSecond: 0 });
  const moved = countBytes(resumed, 800, 1000, t0 + 2000);
  expect(show(moved, t0 + 2000)).toMatchObject({ percent: 80, bytesPerSecond: 100, etaSeconds: 2 });
});

test('a download of unknown length has bytes and a speed, but neither percent nor remaining time', () => {
  const state = countBytes(countBytes(fetching(), 0, null, t0), 500, null, t0 + 1000);
  expect(agentStatus.parse(show(state, t0 + 1000))).toMatchObject({
    percent: null,
    bytesDone: 500,
    bytesTotal: null,
    bytesPerSecond: 500,
    etaSeconds: null,
  });
});

test('a download that must begin anew goes back, and that is no progress', () => {
  const state = countBytes(countBytes(fetching(), 900, 1000, t0 + 1000), 0, 2000, t0 + 2000);
  expect(show(state, t0 + 2000)).toMatchObject({ percent: 0, bytesDone: 0, bytesTotal: 2000, bytesPerSecond: null });
  expect(show(state, t0 + 2000).lastProgressAt).toBe(new Date(t0 + 1000).toISOString());
});

test('a remark is shown without a reason until the next phase', () => {
  const state = remark(fetching(), 'Waits for another replica.');
  expect(show(state, t0)).toMatchObject({ reason: null, message: 'Waits for another replica.' });
  expect(show(enterPhase(state, 'Verifying', t0), t0).message).toBeNull();
});

test('climbs the ladder only upwards', () => {
  expect(() => enterPhase(loading(), 'Verifying', t0)).toThrow(/cannot enter Verifying/);
});

test('a failure keeps how far the load came and says why', () => {
  const state = fail(advance(loading(), 0.7, t0 + 500), new Failure('HostOutOfMemory', 'needs 4 GB'), t0 + 800);
  expect(show(state, t0 + 800)).toMatchObject({
    phase: 'Failed',
    percent: 70,
    reason: 'HostOutOfMemory',
    message: 'needs 4 GB',
    etaSeconds: null,
  });
});

test('an engine that loads again says why until it is ready', () => {
  const crashed = fail(enterPhase(loading(), 'Ready', t0), new Failure('EngineCrashed', 'It was ended by SIGKILL.'), t0);
  let state = enterPhase(beginLoad(t0, crashed), 'Fetching', t0);
  expect(show(state, t0)).toMatchObject({
    phase: 'Fetching',
    reason: 'EngineCrashed',
    message: 'It was ended by SIGKILL. It is loading again.',
  });
  state = enterPhase(enterPhase(state, 'LoadingWeights', t0), 'WarmingUp', t0);
  expect(show(state, t0)).toMatchObject({ phase: 'WarmingUp', reason: 'EngineCrashed' });
  expect(show(enterPhase(state, 'Ready', t0), t0)).toMatchObject({ phase: 'Ready', reason: null, message: null });
});

test('a failure is remembered after it is over', () => {
  expect(show(beginLoad(t0), t0)).not.toHaveProperty('lastFailure');
  const crashed = fail(enterPhase(loading(), 'Ready', t0), new Failure('EngineCrashed', 'It was ended by SIGKILL.'), t0 + 900);
  expect(show(enterPhase(beginLoad(t0, crashed), 'Ready', t0 + 2_000), t0 + 60_000)).toMatchObject({
    phase: 'Ready',
    reason: null,
    lastFailure: { reason: 'EngineCrashed', message: 'It was ended by SIGKILL.', at: new Date(t0 + 900).toISOString() },
  });
});

test('a source that answers again is blamed no longer', () => {
  const away = fail(countBytes(enterPhase(beginLoad(t0), 'Fetching', t0), 40, 100, t0), new Failure('SourceUnreachable', 'no answer'), t0);
  const again = enterPhase(beginLoad(t0, away), 'Fetching', t0);
  expect(show(countBytes(again, 40, 100, t0), t0)).toMatchObject({ phase: 'Fetching', reason: 'SourceUnreachable' });
  expect(show(countBytes(again, 41, 100, t0), t0)).toMatchObject({ phase: 'Fetching', reason: null, message: null });
});

test('shows that it drains, whatever it did before', () => {
  expect(describeLoad(loading(), { ...around, draining: true }, t0)).toMatchObject({ phase: 'Draining', draining: true });
});

test('whatever the engine reports, the status is valid and never goes back', () => {
  const reports = fc.array(fc.tuple(fc.double({ noNaN: false }), fc.integer({ min: 0, max: 5000 })), { maxLength: 60 });
  fc.assert(
    fc.property(reports, (steps) => {
      let state = loading();
      let now = t0;
      let percent = 0;
      for (const [fraction, elapsed] of steps) {
        now += elapsed;
        state = advance(state, fraction, now);
        const status = agentStatus.parse(show(state, now));
        expect(status.percent).toBeGreaterThanOrEqual(percent);
        if (status.etaSeconds !== null) expect(status.etaSeconds).toBeGreaterThanOrEqual(0);
        percent = status.percent ?? Number.NaN;
      }
    }),
  );
});
