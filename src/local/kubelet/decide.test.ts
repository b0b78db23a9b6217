import type { Container, PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { describe, expect, test } from 'vitest';
import { type ContainerRecord, fresh } from './container-record.ts';
import { decide } from './decide.ts';
import { kubeletBackoff } from './restarts.ts';

const now = 1_000_000;
const waiting = fresh();
const failedToStart: ContainerRecord = {
  ...fresh(),
  state: { kind: 'waiting', reason: 'ErrImageNeverPull', retryAt: now + 5, failures: 1 },
};
const running = record({ kind: 'running', id: 'x', startedAt: now - 1, started: true, ready: true, stopping: false });
const starting = record({ kind: 'running', id: 'x', startedAt: now - 1, started: false, ready: false, stopping: false });
const stopping = record({ kind: 'running', id: 'x', startedAt: now - 1, started: true, ready: false, stopping: true });
const ended = (exitCode: number, endsInARow = 1) => record({ kind: 'terminated', exitCode, reason: 'x', finishedAt: now }, endsInARow);

function record(state: ContainerRecord['state'], endsInARow = 0): ContainerRecord {
  return { state, restartCount: 0, endsInARow };
}

type World = {
  init?: Record<string, ContainerRecord>;
  sidecar?: Record<string, ContainerRecord>;
  main: Record<string, ContainerRecord>;
  policy?: PodSpec['restartPolicy'];
  terminating?: boolean;
};

function plan({ init = {}, sidecar = {}, main, policy, terminating = false }: World) {
  const named = (records: Record<string, ContainerRecord>, fields: Partial<Container> = {}) =>
    Object.keys(records).map((name) => ({ name, ...fields }));
  const spec: PodSpec = {
    initContainers: [...named(sidecar, { restartPolicy: 'Always' }), ...named(init)],
    containers: named(main),
    ...(policy && { restartPolicy: policy }),
  };
  const containers = new Map(Object.entries({ ...init, ...sidecar, ...main }));
  return decide({ spec, containers, terminating, now, backoff: kubeletBackoff });
}

const nothing = { start: [], stop: [], finished: false };

describe('starting', () => {
  test.each<[string, World, object]>([
    ['all containers at once', { main: { a: waiting, b: waiting } }, { start: ['a', 'b'] }],
    ['init containers first', { init: { i: waiting }, main: { a: waiting } }, { start: ['i'] }],
    ['init containers one by one', { init: { i: running, j: waiting }, main: { a: waiting } }, { start: [] }],
    ['the next init container after a success', { init: { i: ended(0), j: waiting }, main: { a: waiting } }, { start: ['j'] }],
    ['the rest after the last init container', { init: { i: ended(0) }, main: { a: waiting } }, { start: ['a'] }],
    ['a failed init container again', { init: { i: ended(1) }, main: { a: waiting } }, { start: ['i'] }],
    ['a sidecar, and only that, until it has started', { sidecar: { s: starting }, main: { a: waiting } }, { start: [] }],
    ['the rest beside a started sidecar', { sidecar: { s: running }, main: { a: waiting } }, { start: ['a'] }],
    ['a sidecar that ended, even well', { sidecar: { s: ended(0) }, main: { a: running } }, { start: ['s'] }],
    ['no init container again once the rest has run', { init: { i: ended(1) }, main: { a: ended(1) } }, { start: ['a'] }],
    ['nothing while all run', { main: { a: running } }, {}],
  ])('starts %s', (_, world, expected) => {
    expect(plan(world)).toEqual({ ...nothing, ...expected });
  });

  test('tries again later what could not be started', () => {
    expect(plan({ main: { a: failedToStart } })).toEqual({ ...nothing, wakeAt: now + 5 });
  });
});

describe('restarting', () => {
  test.each<[PodSpec['restartPolicy'], number, boolean]>([
    ['Always', 0, true],
    ['Always', 1, true],
    ['OnFailure', 0, false],
    ['OnFailure', 1, true],
    ['Never', 0, false],
    ['Never', 1, false],
  ])('under %s after exit code %i: %s', (policy, exitCode, restarts) => {
    const result = plan({ main: { a: ended(exitCode) }, policy });
    expect(result.start).toEqual(restarts ? ['a'] : []);
    expect(result.finished).toBe(!restarts);
  });

  test.each([
    [2, 10_000],
    [3, 20_000],
    [6, 160_000],
    [7, 300_000],
    [500, 300_000],
  ])('waits after %i ends in a row for %i ms', (ends, ms) => {
    expect(plan({ main: { a: ended(1, ends) } })).toEqual({ ...nothing, wakeAt: now + ms });
  });
});

describe('ending', () => {
  test('stops what runs, once', () => {
    expect(plan({ main: { a: running, b: stopping, c: ended(0) }, terminating: true })).toEqual({ ...nothing, stop: ['a'] });
  });

  test('keeps sidecars until the others have ended', () => {
    expect(plan({ sidecar: { s: running }, main: { a: stopping }, terminating: true }).stop).toEqual([]);
    expect(plan({ sidecar: { s: running }, main: { a: ended(0) }, terminating: true }).stop).toEqual(['s']);
  });

  test('stops sidecars when the work is done', () => {
    expect(plan({ sidecar: { s: running }, main: { a: ended(0) }, policy: 'Never' })).toEqual({ ...nothing, stop: ['s'] });
  });

  test('is finished when nothing runs, and starts nothing', () => {
    expect(plan({ main: { a: ended(1), b: waiting }, terminating: true })).toEqual({ ...nothing, finished: true });
  });

  test('is finished when an init container has failed for good', () => {
    expect(plan({ init: { i: ended(1) }, main: { a: waiting }, policy: 'Never' })).toEqual({ ...nothing, finished: true });
  });
});
