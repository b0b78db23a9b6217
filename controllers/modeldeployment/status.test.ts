import { describe, expect, test } from 'vitest';
import type { ModelDeploymentSpec, ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import { modelDeploymentStatus } from '../../src/api/model-deployment-status.ts';
import { accept } from './acceptance.ts';
import type { Replica } from './replica.ts';
import { type Observation, statusOf } from './status.ts';
import { agent, deployment, failed, loaded, replica, t0 } from './testing/makers.fake.ts';

function status(
  replicas: readonly Replica[],
  spec: Partial<ModelDeploymentSpec> = {},
  fields: Partial<Observation> = {},
): ModelDeploymentStatus {
  const subject = fields.deployment ?? deployment({ replicas: 2, ...spec });
  const result = statusOf({
    deployment: subject,
    acceptance: accept(subject, 'privileged'),
    revision: 'v1',
    replicas,
    previous: undefined,
    nodeClasses: new Map(),
    gatewayUrl: 'http://gateway:8080/',
    now: t0,
    ...fields,
  });
  expect(modelDeploymentStatus.parse(result)).toEqual(result); // what the CRD would refuse or prune is a bug here
  return result;
}

const condition = (from: ModelDeploymentStatus, type: string) => from.conditions?.find((one) => one.type === type);

test('says where and under which names the model is served', () => {
  expect(status([], { serving: { names: ['gpt-4o-mini'] } })).toMatchObject({
    endpoint: 'http://gateway:8080/v1',
    models: ['gpt-4o-mini', 'models/qwen'],
    selector: 'modelfleet.dev/model=qwen',
    observedGeneration: 1,
    revision: 'v1',
  });
});

describe('the phase', () => {
  test.each<[string, string, readonly Replica[], Partial<ModelDeploymentSpec>]>([
    ['Pending', 'nothing runs yet', [], {}],
    ['Pending', 'no node has room', [replica({ phase: 'Pending', percent: 0 })], {}],
    ['Loading', 'the first replicas load', [replica(), replica({ phase: 'Pending' })], {}],
    ['Loading', 'one serves and one loads', [loaded(), replica()], {}],
    ['Ready', 'all serve', [loaded(), loaded()], {}],
    [
      'Ready',
      'all of the old revision serve while a new one loads',
      [loaded({ revision: 'v0' }), loaded({ revision: 'v0' }), replica()],
      {},
    ],
    ['Degraded', 'one serves and one fails', [loaded(), failed('EngineCrashed')], {}],
    ['Failed', 'none serves and all fail', [failed('SourceNotFound'), failed('SourceNotFound')], {}],
    ['Loading', 'one fails and the other loads', [failed('SourceNotFound'), replica()], {}],
    ['ScaledToZero', 'none is wanted', [], { replicas: 0 }],
    ['Suspended', 'it is suspended', [], { suspend: true }],
    ['Failed', 'the spec cannot be run', [], { engine: { type: 'VLLM' } }],
  ])('is %s when %s', (phase, _, replicas, spec) => expect(status(replicas, spec).phase).toBe(phase));

  test('is Terminating once the deployment is deleted', () => {
    const subject = deployment({}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(status([loaded()], {}, { deployment: subject })).toMatchObject({ phase: 'Terminating' });
  });
});

describe('loading', () => {
  const slow = replica({ name: 'slow', percent: 62, agent: agent({ etaSeconds: 40.2, bytesDone: 1.5 }) });

  test('is that of the slowest replica that counts', () => {
    expect(status([replica({ percent: 80 }), slow]).loading).toEqual({
      phase: 'LoadingWeights',
      percent: 62,
      bytesDone: 2,
      bytesTotal: 100,
      bytesPerSecond: 10,
      etaSeconds: 41,
      slowestReplica: 'slow',
      startedAt: '2026-01-01T00:00:00Z',
      lastProgressAt: '2026-01-01T00:00:01Z',
    });
  });

  test('does not count surplus, leaving or outdated replicas', () => {
    const others = [replica({ percent: 1 }), replica({ percent: 2, leaving: true }), replica({ percent: 3, revision: 'v0' })];
    expect(status([...others, loaded(), slow]).loading?.slowestReplica).toBe('slow');
  });

  test('has no bytes where the agent knows none', () => {
    const unknown = agent({ bytesDone: 7, bytesTotal: null, bytesPerSecond: null });
    const { loading } = status([replica({ agent: unknown })]);
    expect(loading).toMatchObject({ bytesDone: 7 });
    expect(Object.keys(loading ?? {})).not.toEqual(expect.arrayContaining(['bytesTotal']));
    expect(Object.keys(loading ?? {})).not.toEqual(expect.arrayContaining(['bytesPerSecond']));
  });

  test('has no ETA while there is none', () => {
    const unknown = status([replica({ agent: agent({ etaSeconds: null }) })]);
    expect(unknown.loading?.etaSeconds).toBeNull();
    expect(unknown.columns?.eta).toBe('?');
  });

  test('is absent when all are loaded', () => expect(status([loaded(), loaded()]).loading).toBeUndefined());

  test('never goes back while one container loads', () => {
    const before = status([slow]);
    const after = status([{ ...slow, percent: 50 }], {}, { previous: before });
    expect(after.loading?.percent).toBe(62);
    expect(after.replicaStatuses?.[0]?.percent).toBe(62);
  });

  test('begins again with a new container, and after Ready', () => {
    expect(status([{ ...slow, percent: 5, restarts: 1 }], {}, { previous: status([slow]) }).loading?.percent).toBe(5);
    const again = replica({ name: 'a', percent: 60 });
    expect(status([again], {}, { previous: status([loaded({ name: 'a' })]) }).loading?.percent).toBe(60);
  });
});

describe('the columns', () => {
  test.each<[string, readonly Replica[], Partial<ModelDeploymentSpec>, object]>([
    ['loading', [loaded(), replica({ agent: agent({ etaSeconds: 190 }) })], {}, { ready: '1/2', load: '75% LoadingWeights', eta: '3m10s' }],
    ['loaded', [loaded({ waiting: 3 }), loaded({ waiting: 4 })], {}, { ready: '2/2', load: '100%', eta: '-', queue: 7 }],
    ['failed', [failed('EngineCrashed')], {}, { ready: '0/2', load: '0%', eta: '-' }],
    ['at zero', [], { replicas: 0 }, { ready: '0/0', load: '-', eta: '-', queue: 0 }],
  ])('when %s', (_, replicas, spec, columns) => expect(status(replicas, spec).columns).toMatchObject(columns));

  test('name the kind of node, or say that there are several', () => {
    const nodeClasses = new Map([
      ['n1', 'H100'],
      ['n2', 'A10'],
    ]);
    expect(status([loaded({ node: 'n1' })], {}, { nodeClasses }).columns?.nodeClass).toBe('H100');
    expect(status([loaded({ node: 'n1' }), loaded({ node: 'n2' })], {}, { nodeClasses }).columns?.nodeClass).toBe('mixed');
  });
});

test('lists at most 32 replicas, slowest first', () => {
  const statuses = status([...Array.from({ length: 40 }, () => loaded()), replica({ name: 'slow', percent: 7 })]).replicaStatuses;
  expect(statuses).toHaveLength(32);
  expect(statuses?.[0]).toMatchObject({ name: 'slow', phase: 'LoadingWeights', percent: 7 });
});

describe('conditions', () => {
  test('are all good when all is loaded', () => {
    const good = status([loaded(), loaded()]);
    expect(good.conditions?.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`)).toEqual([
      'Accepted=True Valid',
      'Loaded=True Loaded',
      'Ready=True Ready',
      'Progressing=False Complete',
    ]);
  });

  test('tell of the rollout while the old revision serves', () => {
    const rolling = status([loaded({ revision: 'v0' }), loaded({ revision: 'v0' }), replica()]);
    expect(condition(rolling, 'Ready')).toMatchObject({ status: 'True' });
    expect(condition(rolling, 'Loaded')).toMatchObject({
      status: 'False',
      reason: 'Loading',
      message: '0 of 2 replicas have loaded the model.',
    });
    expect(condition(rolling, 'Progressing')).toMatchObject({ status: 'True', reason: 'RollingOut' });
  });

  test('carry the reason and the words of a failure', () => {
    const broken = status([failed('DeviceOutOfMemory', { name: 'qwen-bad' }), loaded()]);
    for (const type of ['Loaded', 'Ready', 'Progressing'])
      expect(condition(broken, type)).toMatchObject({
        status: 'False',
        reason: 'DeviceOutOfMemory',
        message: 'qwen-bad: It said DeviceOutOfMemory.',
      });
  });

  describe('when replicas cannot be created', () => {
    const obstacle = { reason: 'QuotaExceeded', message: 'exceeded quota: gpus.', refused: true };
    const lost = { reason: 'ReplicasNotApplied', message: 'the connection was cut', refused: false };

    test.each(['Loaded', 'Ready', 'Progressing'])('say so in %s', (type) => {
      const { reason, message } = obstacle;
      expect(condition(status([], {}, { obstacle }), type)).toMatchObject({ status: 'False', reason, message });
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
    ])('the phase is %s when they are refused and %s', (phase, _, replicas) =>
      expect(status(replicas, {}, { obstacle }).phase).toBe(phase),
    );

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
});
