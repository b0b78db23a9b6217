import { describe, expect, test } from 'vitest';
import type { ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { announcements } from './announce.ts';
import { failed, loaded, replica, t0 } from './testing/makers.fake.ts';
import { status } from './testing/status.fake.ts';

const told = (previous: ModelDeploymentStatus | undefined, next: ModelDeploymentStatus) =>
  announcements(previous, next).map(({ type, reason }) => `${type} ${reason}`);

const old = () => loaded({ revision: 'v0' });
const broken = (fields = {}) => failed('SourceNotFound', { name: 'bad', ...fields });

test('a model that is loaded is announced once', () => {
  const loading = status([replica(), replica()]);
  const ready = status([loaded(), loaded()], {}, { previous: loading });
  expect(told(undefined, loading)).toEqual([]);
  expect(told(loading, ready)).toEqual(['Normal Loaded']);
  expect(told(ready, status([loaded(), loaded()], {}, { previous: ready }))).toEqual([]);
});

test('a change of what the autoscaler wants is announced once, with its numbers; from and to zero others tell', () => {
  const scaling = (desired: number, more = {}) => ({
    ...status([loaded(), loaded()]),
    scaling: { metric: 'requests', value: 17, perReplica: '8.5', desired, observedAt: '2026-01-01T00:00:00Z', ...more },
  });
  expect(announcements(scaling(2), scaling(3, { limitedBy: 'MaxReplicas' }))).toEqual([
    {
      type: 'Normal',
      reason: 'ScaledUp',
      message: 'From 2 to 3 replicas: 17 requests in the system, 8.5 for each replica that there was. Limited by MaxReplicas.',
    },
  ]);
  expect(told(scaling(3), scaling(1))).toEqual(['Normal ScaledDown']);
  for (const [before, after] of [
    [2, 2],
    [1, 0],
    [0, 1],
  ] as const)
    expect(told(scaling(before), scaling(after))).toEqual([]);
  expect(told(status([loaded(), loaded()]), scaling(2))).toEqual([]);
});

describe('a failure', () => {
  const first = () => status([broken(), replica()]);

  test('is announced with its words and the remedy', () => {
    expect(announcements(undefined, first())).toEqual([
      { type: 'Warning', reason: 'SourceNotFound', message: 'bad on node-1: It said SourceNotFound.' },
    ]);
  });

  test('is announced once, however often its replica is tried again', () => {
    let previous = first();
    for (const next of [replica({ name: 'bad' }), broken({ restarts: 1 }), broken({ name: 'other' })]) {
      const after = status([next, replica()], {}, { previous });
      expect(told(previous, after)).toEqual([]);
      previous = after;
    }
  });

  test('of another reason, or of another revision, is news', () => {
    const previous = first();
    expect(told(previous, status([failed('OutOfDisk'), broken()], {}, { previous }))).toEqual(['Warning OutOfDisk']);
    const next = status([broken({ revision: 'v2' })], {}, { previous, revision: 'v2' });
    expect(told(previous, next)).toEqual(['Warning SourceNotFound']);
  });

  test('that comes again ten minutes after all was well is news', () => {
    const well = status([loaded(), loaded()], {}, { previous: first() });
    const soon = status([broken(), loaded()], {}, { previous: well, now: t0 + 60_000 });
    expect(told(well, soon)).toEqual([]);
    const late = status([broken(), loaded()], {}, { previous: well, now: t0 + 600_000 });
    expect(told(well, late)).toEqual(['Warning SourceNotFound']);
  });

  test('to get on is called by its name', () => {
    expect(told(undefined, status([replica({ phase: 'Stalled', reason: 'NoProgress' })]))).toEqual(['Warning Stalled']);
  });

  test('to create replicas is announced when somebody must act, not when it is tried again', () => {
    const obstacle = { reason: 'QuotaExceeded', message: 'exceeded quota: gpus.', refused: true };
    expect(told(undefined, status([], {}, { obstacle }))).toEqual(['Warning QuotaExceeded']);
    expect(told(undefined, status([], {}, { obstacle: { ...obstacle, refused: false } }))).toEqual([]);
  });
});

describe('a rollout', () => {
  test('is announced when it is complete; the first load is none', () => {
    const before = status([old(), old()], {}, { revision: 'v0' });
    const rolling = status([old(), old(), replica()], {}, { previous: before });
    const last = status([loaded(), loaded(), loaded({ revision: 'v0', leaving: true })], {}, { previous: rolling });
    const done = status([loaded(), loaded()], {}, { previous: last });
    expect(told(before, rolling)).toEqual([]);
    expect(told(rolling, last)).toEqual(['Normal Loaded']);
    expect(told(last, done)).toEqual(['Normal RolloutComplete']);
  });

  test('that is halted is announced once', () => {
    const halted = { reason: 'SourceNotFound', message: 'bad: nothing is there.' };
    const before = status([old(), old()], {}, { revision: 'v0' });
    const stopped = status([old(), old(), broken()], {}, { previous: before, halted });
    expect(told(before, stopped)).toEqual(['Warning SourceNotFound', 'Warning RolloutHalted']);
    const again = status([old(), old(), replica({ name: 'bad' })], {}, { previous: stopped });
    const failing = status([old(), old(), broken()], {}, { previous: again, halted });
    expect([...told(stopped, again), ...told(again, failing)]).toEqual([]);
  });
});

test('a name that another has is announced when it is found out', () => {
  const taken = [{ name: 'chat', holder: 'a/qwen' }];
  const first = status([], {}, { taken });
  expect(told(undefined, first)).toEqual(['Warning NameTaken']);
  expect(told(first, status([], {}, { taken, previous: first }))).toEqual([]);
});
