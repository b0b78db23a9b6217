import { describe, expect, test } from 'vitest';
import { phaseLadder as ladder, type phaseLadder } from '../../src/core/phases.ts';
import { ApiError } from '../../src/kube/index.ts';
import { overallPercent } from './progress.ts';
import type { Replica } from './replica.ts';
import { agent, failed, loaded, replica, t0 } from './testing/makers.fake.ts';
import { Reports } from './testing/reports.fake.ts';

type Phase = (typeof phaseLadder)[number];

/** A replica in a phase of its load, `percent` of it done, as its agent tells it. */
function at(name: string, phase: Phase, percent = 0, fields: Partial<Replica> = {}): Replica {
  if (phase === 'Ready') return loaded({ name, agent: agent({ phase, percent: 100, bytesDone: 100 }), ...fields });
  const told =
    ladder.indexOf(phase) < ladder.indexOf('Fetching') ? undefined : agent({ phase, percent, bytesDone: percent, etaSeconds: null });
  return replica({ name, phase, percent: overallPercent(phase, percent), agent: told, ...fields });
}

const path: readonly (readonly [Phase, number])[] = [
  ['Pending', 0],
  ['Scheduled', 1],
  ['PullingImage', 3],
  ['Fetching', 20],
  ['Verifying', 90],
  ['LoadingWeights', 95],
  ['WarmingUp', 115],
  ['Ready', 120],
];

/** Where a replica is on a load of two minutes, after so many seconds. */
function along(name: string, seconds: number): Replica {
  const index = path.findLastIndex(([, begin]) => begin <= seconds);
  const [phase, begin] = path[Math.max(0, index)] ?? ['Pending', 0];
  const end = path[index + 1]?.[1] ?? begin + 1;
  return at(name, phase, Math.min(100, ((seconds - begin) / (end - begin)) * 100));
}

/** Five replicas, each a little behind the one before, reported five times a second: each agent is asked once in it. Answers how long news waited at most. */
async function loadOfFive(reports: Reports, until: number): Promise<number> {
  let waitsSince: number | undefined;
  let longestWaitMs = 0;
  for (let ms = 0; ms <= until; ms += 200) {
    const replicas = Array.from({ length: 5 }, (_, index) => along(`qwen-${index}`, ms / 1_000 - index));
    const { dueMs } = await reports.report(replicas);
    const now = reports.clock.now();
    waitsSince = dueMs === undefined ? undefined : (waitsSince ?? now);
    longestWaitMs = Math.max(longestWaitMs, now - (waitsSince ?? now));
    await reports.clock.advance(200);
  }
  return longestWaitMs;
}

describe('five replicas that load for two minutes', () => {
  test('cost one write a second at most, and nothing new is held back for longer than five', async () => {
    const reports = new Reports({ replicas: 5 });
    const longestWaitMs = await loadOfFive(reports, 126_000);
    const gaps = reports.writes.slice(1).map(({ at: instant }, index) => instant - (reports.writes[index]?.at ?? 0));
    gaps.pop(); // the write that ends the loading
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
    expect(longestWaitMs).toBeLessThanOrEqual(5_000);
    expect(reports.writes.length).toBeLessThanOrEqual(125);
    expect(reports.events).toEqual(['Normal Loaded']);
  });

  test('are told Ready at once, in the very report that finds them so', async () => {
    const reports = new Reports({ replicas: 5 });
    await loadOfFive(reports, 123_800);
    expect(reports.status?.phase).toBe('Loading');
    await reports.report(Array.from({ length: 5 }, (_, index) => along(`qwen-${index}`, 130)));
    expect(reports.writes.at(-1)).toMatchObject({ at: reports.clock.now(), status: { phase: 'Ready' } });
  });

  test('cost nothing once they are loaded', async () => {
    const reports = new Reports({ replicas: 5 });
    await loadOfFive(reports, 126_000);
    const before = reports.writes.length;
    for (let minute = 0; minute < 9; minute += 1) {
      await reports.clock.advance(60_000);
      await reports.report(Array.from({ length: 5 }, (_, index) => along(`qwen-${index}`, 130)));
    }
    expect(reports.writes.length).toBe(before);
  });
});

/** Loads one replica, a second in each phase but for ten of fetching. */
async function loadOne(reports: Reports, name: string, node = 'n1') {
  for (const phase of ladder) {
    await reports.report([at(name, phase, 0, { node })]);
    await reports.clock.advance(phase === 'Fetching' ? 10_000 : 1_000);
  }
}

/** A replica that was just given its node. */
async function begin(reports: Reports, name: string, node = 'n1') {
  await reports.report([at(name, 'Pending', 0, { node: undefined })]);
  return (await reports.report([at(name, 'Scheduled', 0, { node })])).status.loading;
}

describe('the time left', () => {
  test('is unknown for the first load, and told before any byte moves for the next', async () => {
    const reports = new Reports();
    await reports.report([at('first', 'Fetching', 10, { agent: agent({ phase: 'Fetching', etaSeconds: 3 }) })]);
    expect(reports.status).toMatchObject({ loading: { etaSeconds: null }, columns: { eta: '?' } });
    await loadOne(reports, 'second');
    expect(reports.status?.loadTimes).toMatchObject([
      { nodeClass: 'unknown', loads: 1, milliseconds: { Fetching: 10_000, WarmingUp: 1_000 } },
    ]);

    await reports.report([at('third', 'Pending', 0, { node: undefined })]);
    expect(reports.status).toMatchObject({ loading: { etaSeconds: 16 }, columns: { eta: '16s' } });
  });

  test('is known to another process, and to other deployments of the same model', async () => {
    const first = new Reports();
    await loadOne(first, 'a');
    first.restart();
    expect(await begin(first, 'b')).toMatchObject({ etaSeconds: 16 });

    const second = new Reports();
    second.others.push(first.deployment);
    expect(await begin(second, 'c')).toMatchObject({ etaSeconds: 16 });
  });

  test('is not taken from another kind of node', async () => {
    const reports = new Reports();
    reports.nodeClasses.set('n1', 'H100').set('n2', 'A10');
    await loadOne(reports, 'a', 'n1');
    expect(reports.status?.loadTimes).toMatchObject([{ nodeClass: 'H100' }]);
    expect(await begin(reports, 'b', 'n2')).toMatchObject({ etaSeconds: null });
    expect(await begin(reports, 'c', 'n1')).toMatchObject({ etaSeconds: 16 });
  });

  test('is unknown again for a phase that takes longer than ever, and while something is wrong', async () => {
    const reports = new Reports();
    await loadOne(reports, 'a');
    await begin(reports, 'b');
    await reports.clock.advance(3_000);
    expect((await reports.report([at('b', 'Scheduled')])).status.loading?.etaSeconds).toBeNull();
    const stuck = at('c', 'PullingImage', 0, { reason: 'ImagePullFailed', message: 'no such image' });
    expect((await reports.report([stuck])).status.loading?.etaSeconds).toBeNull();
  });
});

describe('the percent', () => {
  test('follows what was learned', async () => {
    const reports = new Reports();
    await loadOne(reports, 'a');
    const { status } = await reports.report([at('b', 'Fetching', 50)]);
    // 92 points are shared by 16 seconds, and each phase has one of its own.
    expect(status.loading?.percent).toBe(Math.floor(1 + 2 * (1 + 92 / 16) + (1 + (92 * 10) / 16) / 2));
  });

  test('keeps its scale while a load lasts', async () => {
    const reports = new Reports({ replicas: 2 });
    for (const phase of ladder) {
      const slow = at('slow', ladder.indexOf(phase) > ladder.indexOf('Fetching') ? 'Fetching' : phase, 10);
      await reports.report([at('a', phase), slow]);
      await reports.clock.advance(5_000);
    }
    expect(reports.status?.loadTimes).toMatchObject([{ milliseconds: { Fetching: 5_000 } }]);
    const { status } = await reports.report([at('a', 'Ready'), at('slow', 'Fetching', 50)]);
    expect(status.loading?.percent).toBe(overallPercent('Fetching', 50));
  });
});

describe('a write that the server refuses', () => {
  const answer = (code: number, reason: string) =>
    new ApiError({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: reason });

  test('because of a conflict is tried again soon, and nothing is announced before it is stored', async () => {
    const reports = new Reports({ replicas: 1 });
    reports.failWith = answer(409, 'Conflict');
    expect((await reports.report([failed('OutOfDisk')])).dueMs).toBe(1_000);
    expect(reports.events).toEqual([]);
    await reports.report([failed('OutOfDisk')]);
    expect(reports.events).toEqual(['Warning OutOfDisk']);
  });

  test('because the deployment is gone is dropped', async () => {
    const reports = new Reports();
    reports.failWith = answer(404, 'NotFound');
    expect((await reports.report([])).dueMs).toBeUndefined();
  });

  test('for any other cause is left to the queue', async () => {
    const reports = new Reports();
    reports.failWith = answer(500, 'InternalError');
    await expect(reports.report([])).rejects.toThrow('InternalError');
  });
});

test('another process says nothing twice', async () => {
  const reports = new Reports({ replicas: 1 });
  await reports.report([failed('OutOfDisk', { name: 'a' })]);
  reports.restart();
  await reports.clock.advance(60_000);
  await reports.report([failed('OutOfDisk', { name: 'a' })]);
  await reports.report([at('a', 'Ready')]);
  reports.restart();
  await reports.report([at('a', 'Ready')]);
  expect(reports.events).toEqual(['Warning OutOfDisk', 'Normal Loaded']);
  expect(reports.writes).toHaveLength(2);
  expect(reports.clock.now()).toBe(t0 + 60_000);
});

test('an engine that was back before anybody asked is told once, also long after it was loaded', async () => {
  const reports = new Reports({ replicas: 1 });
  const healthy = at('a', 'Ready');
  await reports.report([healthy]);
  await reports.clock.advance(3_600_000);
  const mishap = { reason: 'EngineCrashed', message: 'It was ended by SIGKILL.', at: reports.clock.now() };
  for (const minutes of [0, 1, 5]) {
    await reports.clock.advance(minutes * 60_000);
    await reports.report([{ ...healthy, mishap }]);
  }
  expect(reports.events.filter((event) => event.startsWith('Warning'))).toEqual(['Warning EngineCrashed']);
  expect(reports.status?.phase).toBe('Ready');
  expect(reports.status?.failures?.[0]?.message).toContain('It was ended by SIGKILL.');
  expect(reports.writes).toHaveLength(2);
  await reports.clock.advance(3_600_000);
  await reports.report([{ ...healthy, mishap }]);
  expect(reports.status?.failures ?? []).toEqual([]);
});
