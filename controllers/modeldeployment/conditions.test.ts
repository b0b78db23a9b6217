import { describe, expect, test } from 'vitest';
import type { ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import type { Replica } from './replica.ts';
import { agent, deployment, failed, loaded, replica, t0 } from './testing/makers.fake.ts';
import { condition, status, summary } from './testing/status.fake.ts';

test('are all good when all is loaded', () => {
  expect(summary(status([loaded(), loaded()]))).toEqual([
    'Accepted=True Valid',
    'ArtifactsReady=True Fetched',
    'CapacityReady=True Placed',
    'Loaded=True Loaded',
    'Ready=True Ready',
    'RouteReady=True NamesServed',
    'Progressing=False RolloutComplete',
    'Degraded=False AsWanted',
    'Stalled=False Moving',
  ]);
});

test('say what is still to come while the first replicas load', () => {
  expect(summary(status([replica({ phase: 'Fetching' }), replica({ phase: 'Pending', node: undefined })]))).toEqual([
    'Accepted=True Valid',
    'ArtifactsReady=False Fetching',
    'CapacityReady=False Scheduling',
    'Loaded=False Loading',
    'Ready=False NotEnoughReplicas',
    'RouteReady=True NamesServed',
    'Progressing=True Loading',
    'Degraded=False AsWanted',
    'Stalled=False Moving',
  ]);
});

test('carry the reason, the replica, its node, its words, and what serves meanwhile', () => {
  const broken = status([failed('DeviceOutOfMemory', { name: 'qwen-bad', node: 'node-7' }), loaded()]);
  for (const type of ['Loaded', 'Ready', 'Progressing', 'Degraded'])
    expect(condition(broken, type)).toMatchObject({
      status: type === 'Degraded' ? 'True' : 'False',
      reason: 'DeviceOutOfMemory',
      message: 'qwen-bad on node-7: It said DeviceOutOfMemory. 1 of 2 replicas can serve.',
    });
});

test('tell why a pod ended, until another has taken its place', () => {
  const evicted = failed('Evicted', { name: 'qwen-aaaaa', finished: true });
  const waiting = status([evicted]);
  expect(condition(waiting, 'Ready')).toMatchObject({ status: 'False', reason: 'Evicted', message: expect.stringContaining('qwen-aaaaa') });
  expect(waiting.failures).toMatchObject([{ reason: 'Evicted' }]);
  expect(condition(status([evicted, loaded()], { replicas: 1 }), 'Progressing')).toMatchObject({ reason: 'RolloutComplete' });
});

test('say for how many replicas a failure holds', () => {
  const all = [failed('SourceNotFound', { name: 'a' }), failed('SourceNotFound', { name: 'b' })];
  expect(condition(status(all), 'Ready')?.message).toBe(
    'a on node-1: It said SourceNotFound. It is the same for 1 other replica. No replica can serve.',
  );
});

describe('ArtifactsReady', () => {
  test.each<[string, string, Partial<Replica>]>([
    ['False Fetching', 'it fetches', { phase: 'Fetching' }],
    ['True Fetched', 'the engine reads the weights', { phase: 'LoadingWeights' }],
    ['True Fetched', 'it stalls after that', { phase: 'Stalled', agent: agent({ phase: 'Compiling' }), reason: 'NoProgress' }],
    ['False SourceUnauthorized', 'the source refuses it', { phase: 'Failed', reason: 'SourceUnauthorized' }],
    ['Unknown NothingKnown', 'it crashed at an unknown place', { phase: 'Failed', reason: 'EngineCrashed' }],
  ])('is %s when %s', (state, _, fields) => {
    expect(summary(status([replica(fields)], { replicas: 1 }))).toContain(`ArtifactsReady=${state}`);
  });

  test('stays true for a replica that had its files and then crashed', () => {
    const before = status([replica({ name: 'a' })], { replicas: 1 });
    const after = status([failed('DeviceOutOfMemory', { name: 'a' })], { replicas: 1 }, { previous: before });
    expect(condition(after, 'ArtifactsReady')).toMatchObject({ status: 'True' });
  });
});

describe('CapacityReady', () => {
  const stuck = replica({ phase: 'Pending', node: undefined, reason: 'Unschedulable', message: '0/3 nodes are available.' });

  test('tells why no node has room', () => {
    const { reason, message } = condition(status([loaded(), stuck]), 'CapacityReady') ?? {};
    expect({ reason, message }).toEqual({ reason: 'Unschedulable', message: `${stuck.name}: 0/3 nodes are available.` });
  });

  test('tells what refuses a replica', () => {
    const obstacle = { reason: 'QuotaExceeded', message: 'exceeded quota: gpus.', refused: true };
    expect(summary(status([loaded()], {}, { obstacle }))).toContain('CapacityReady=False QuotaExceeded');
  });
});

describe('when replicas cannot be created', () => {
  const obstacle = { reason: 'QuotaExceeded', message: 'exceeded quota: gpus.', refused: true };
  const lost = { reason: 'ReplicasNotApplied', message: 'the connection was cut', refused: false };

  test.each(['Loaded', 'Ready', 'Progressing'])('say so in %s', (type) => {
    const message = 'exceeded quota: gpus. No replica can serve.';
    expect(condition(status([], {}, { obstacle }), type)).toMatchObject({ status: 'False', reason: 'QuotaExceeded', message });
    expect(condition(status([], {}, { obstacle: lost }), type)).toMatchObject({ status: 'False', reason: 'ReplicasNotApplied' });
  });

  test('leave Ready alone while enough replicas serve', () => {
    const serving = [loaded({ revision: 'v0' }), loaded({ revision: 'v0' })];
    expect(condition(status(serving, {}, { obstacle }), 'Ready')).toMatchObject({ status: 'True' });
  });

  test.each<[string, string, readonly Replica[]]>([
    ['Failed', 'there is none', []],
    ['Failed', 'all that there are fail', [failed('EngineCrashed')]],
    ['Loading', 'another loads', [replica()]],
    ['Degraded', 'another serves', [loaded()]],
  ])('the phase is %s when they are refused and %s', (phase, _, replicas) => expect(status(replicas, {}, { obstacle }).phase).toBe(phase));

  test('the phase is Pending when it is only tried again', () => expect(status([], {}, { obstacle: lost }).phase).toBe('Pending'));
});

test.each<[string, Partial<ModelDeploymentSpec>]>([
  ['UnsupportedEngine', { engine: { type: 'VLLM' } }],
  ['UnsupportedField', { model: { source: 'hf://a/b', adapters: [{ name: 'sql', source: 'hf://a/sql' }] } }],
  ['InvalidSpec', { replicas: -1 }],
])('refuse with %s what cannot be run', (reason, spec) => {
  expect(condition(status([], spec), 'Accepted')).toMatchObject({ status: 'False', reason });
});

test('tell of replicas that still serve when no other can be made', () => {
  const still = status([loaded()], { engine: { type: 'VLLM' } });
  expect(still.phase).toBe('Degraded');
  expect(condition(still, 'Ready')).toMatchObject({ status: 'True', reason: 'StillServing' });
  expect(condition(still, 'Progressing')).toMatchObject({ status: 'False', reason: 'UnsupportedEngine' });
  expect(condition(still, 'Degraded')).toMatchObject({ status: 'True', reason: 'UnsupportedEngine' });
});

test('tell of names that an older deployment has, and by which name requests still come', () => {
  const taken = [{ name: 'gpt-4o-mini', holder: 'team-a/old' }];
  expect(condition(status([loaded(), loaded()], {}, { taken }), 'RouteReady')).toMatchObject({
    status: 'False',
    reason: 'NameTaken',
    message:
      'An older deployment has the name gpt-4o-mini (team-a/old): choose another in serving.names, or take it from the other. models/qwen works all the same.',
  });
});

test('tell which replica stalls, and its last words', () => {
  const still = replica({ name: 'a', phase: 'Stalled', reason: 'NoProgress', message: 'No progress in phase LoadingWeights.' });
  expect(condition(status([still, loaded()]), 'Stalled')).toMatchObject({
    status: 'True',
    reason: 'NoProgress',
    message: 'a on node-1: No progress in phase LoadingWeights.',
  });
});

describe('while it is deleted', () => {
  const subject = deployment({ replicas: 2 }, { deletionTimestamp: '2026-01-01T00:00:00Z' });
  const going = (fields: Partial<Replica>) => loaded({ leaving: true, phase: 'Draining', percent: 0, ready: false, ...fields });

  test('tell which requests are waited for', () => {
    const ending = status([going({ name: 'a', inFlight: 2, waiting: 1 }), going({ name: 'b' })], {}, { deployment: subject });
    expect(ending).toMatchObject({ phase: 'Terminating', columns: { ready: '0/2', load: '-', eta: '-', queue: 1 } });
    expect(condition(ending, 'Progressing')).toMatchObject({
      status: 'True',
      reason: 'Terminating',
      message: 'Waits until 3 running requests are answered, at most rollout.drainTimeout: a (3).',
    });
    expect(condition(ending, 'Ready')).toMatchObject({ status: 'False', reason: 'Terminating' });
  });

  test('tell which pods are waited for once nothing runs', () => {
    const ending = status([going({ name: 'a' })], {}, { deployment: subject });
    expect(condition(ending, 'Progressing')?.message).toBe('Waits until pod a is gone.');
  });
});

describe('the rollout', () => {
  const old = (fields: Partial<Replica> = {}) => loaded({ revision: 'v0', ...fields });

  test('is told while the old revision serves', () => {
    const rolling = status([old(), old(), replica()]);
    expect(condition(rolling, 'Ready')).toMatchObject({ status: 'True' });
    expect(condition(rolling, 'Loaded')).toMatchObject({ reason: 'Loading', message: '0 of 2 replicas have loaded the model.' });
    expect(condition(rolling, 'Progressing')).toMatchObject({
      status: 'True',
      reason: 'NewRevision',
      message: '0 of 2 replicas are loaded in revision v1, 2 of an older one remain.',
    });
  });

  test('goes on until the last old pod has drained, or until nobody waits for it', () => {
    const both = [loaded(), loaded()];
    const draining = old({ leaving: true });
    expect(summary(status([...both, draining]))).toContain('Progressing=True NewRevision');
    expect(summary(status([...both, { ...draining, lost: true }]))).toContain('Progressing=False RolloutComplete');
  });

  test('remembers the revision that was loaded, so that a restart of all replicas is still a rollout', () => {
    const before = status([old(), old()], {}, { revision: 'v0' });
    expect(before.loadedRevision).toBe('v0');
    expect(summary(status([replica(), replica()], {}, { previous: before }))).toContain('Progressing=True NewRevision');
    expect(status([loaded(), loaded()], {}, { previous: before }).loadedRevision).toBe('v1');
  });

  test('a scale-in is told until its replica has drained', () => {
    const draining = loaded({ name: 'a', leaving: true, inFlight: 1 });
    expect(condition(status([loaded(), loaded(), draining]), 'Progressing')).toMatchObject({
      status: 'True',
      reason: 'Draining',
      message: 'Waits until 1 running request is answered, at most rollout.drainTimeout: a (1).',
    });
  });

  test('takes what it may without being called degraded', () => {
    const before = status([old(), old()], {}, { revision: 'v0' });
    const rollout = { maxSurge: 0, maxUnavailable: 1 };
    expect(summary(status([old(), replica()], { rollout }, { previous: before }))).toContain('Degraded=False AsWanted');
    expect(summary(status([old(), replica()], {}, { previous: before }))).toContain('Degraded=True ReplicasMissing');
  });

  describe('that is halted', () => {
    const halted = { reason: 'ImagePullFailed', message: 'qwen-bad: no such image.' };
    const bad = failed('ImagePullFailed', { name: 'qwen-bad' });
    const stopped = () => status([old(), old(), bad], {}, { halted });

    test('leaves Ready true and says what serves and what to do', () => {
      expect(stopped().phase).toBe('Degraded');
      expect(condition(stopped(), 'Ready')).toMatchObject({ status: 'True' });
      expect(condition(stopped(), 'Progressing')).toMatchObject({ status: 'False', ...halted });
      expect(condition(stopped(), 'Degraded')).toMatchObject({
        status: 'True',
        reason: 'ImagePullFailed',
        message:
          'Revision v1 is rolled out no further. qwen-bad: no such image. 2 of 2 replicas can serve. ' +
          'Correct the spec, or go back: kubectl modelfleet rollback qwen -n models.',
      });
    });

    test('stays so while the failing replica is tried again', () => {
      const again = status([old(), old(), replica({ name: 'qwen-bad' })], {}, { previous: stopped(), now: t0 + 1_000 });
      expect(again.phase).toBe('Degraded');
      expect(summary(again)).toEqual(expect.arrayContaining(['Degraded=True ImagePullFailed', 'Progressing=False ImagePullFailed']));
    });

    test('goes on once a replica of it is loaded, and is over with another revision', () => {
      const onward = status([old(), old(), loaded()], {}, { previous: stopped() });
      expect(summary(onward)).toEqual(expect.arrayContaining(['Degraded=False AsWanted', 'Progressing=True NewRevision']));
      const back = status([old(), old()], {}, { previous: stopped(), revision: 'v0' });
      expect(summary(back)).toEqual(expect.arrayContaining(['Degraded=False AsWanted', 'Progressing=False RolloutComplete']));
      expect(back.phase).toBe('Ready');
    });
  });
});

describe('Degraded', () => {
  test('is told when a replica is gone, until another has taken its place', () => {
    const before = status([loaded(), loaded()]);
    const short = status([loaded(), replica({ name: 'b' })], {}, { previous: before });
    expect(short.phase).toBe('Degraded');
    expect(condition(short, 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'ReplicasMissing',
      message: '1 of 2 replicas can serve. b is on its way.',
    });
    expect(summary(status([loaded(), replica()], {}, { previous: short }))).toContain('Degraded=True ReplicasMissing');
    expect(summary(status([loaded(), loaded()], {}, { previous: short }))).toContain('Degraded=False AsWanted');
  });

  test('is not told when more replicas are wanted, fewer, or none', () => {
    const before = status([loaded(), loaded()]);
    for (const [replicas, wanted] of [
      [[loaded(), loaded(), replica()], 3],
      [[loaded()], 1],
      [[], 0],
    ] as const)
      expect(condition(status(replicas, { replicas: wanted }, { previous: before }), 'Degraded')).toMatchObject({ status: 'False' });
  });
});

test('keep their transition time until their status changes', () => {
  const first = status([replica()]);
  const later = status([loaded()], {}, { previous: first, now: t0 + 60_000 });
  const done = status([loaded(), loaded()], {}, { previous: later, now: t0 + 120_000 });
  expect(condition(later, 'Ready')?.lastTransitionTime).toBe(condition(first, 'Ready')?.lastTransitionTime);
  expect(condition(done, 'Ready')?.lastTransitionTime).toBe('2026-01-01T00:02:00Z');
  expect(condition(done, 'Accepted')?.lastTransitionTime).toBe('2026-01-01T00:00:00Z');
});

test('of other writers are left alone', () => {
  const other = { type: 'ScalingActive', status: 'True' as const, reason: 'Ok', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  expect(condition(status([], {}, { previous: { conditions: [other] } }), 'ScalingActive')).toEqual(other);
});
