import { describe, expect, test } from 'vitest';
import type { ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import type { Replica } from './replica.ts';
import { agent, deployment, failed, loaded, replica } from './testing/makers.fake.ts';
import { status } from './testing/status.fake.ts';

test('counts as waiting what waits at gateways and at replicas', () => {
  const busy = loaded({ waiting: 2 });
  expect(status([busy, loaded()], {}, { waitingAtGateways: 5 }).columns?.queue).toBe(7);
  expect(status([], { replicas: 0 }, { waitingAtGateways: 1 }).columns?.queue).toBe(1);
});

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
  const slow = replica({ name: 'slow', percent: 62, etaSeconds: 40.2, agent: agent({ bytesDone: 1.5 }) });

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
    const unknown = status([replica({ etaSeconds: null })]);
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
    ['loading', [loaded(), replica({ etaSeconds: 190 })], {}, { ready: '1/2', load: '75% LoadingWeights', eta: '3m10s' }],
    ['loaded', [loaded({ waiting: 3 }), loaded({ waiting: 4 })], {}, { ready: '2/2', load: '100%', eta: '-', queue: 7 }],
    ['failed', [failed('EngineCrashed')], {}, { ready: '0/2', load: '0%', eta: '-' }],
    ['halted', [loaded(), failed('EngineCrashed', { percent: 40 })], {}, { ready: '1/2', load: '40% Failed', eta: '-' }],
    ['stalled', [replica({ phase: 'Stalled', percent: 40, reason: 'NoProgress' })], {}, { ready: '0/2', load: '40% Stalled', eta: '-' }],
    [
      'draining',
      [loaded({ leaving: true, phase: 'Draining', waiting: 2 })],
      { suspend: true },
      { ready: '0/0', load: '-', eta: '-', queue: 2 },
    ],
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
