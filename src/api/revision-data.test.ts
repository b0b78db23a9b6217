import { expect, test } from 'vitest';
import type { ModelDeployment, ModelDeploymentSpec } from './model-deployment.ts';
import { annotations } from './resources.ts';
import { revisionChanges, revisionData, rollbackPatch, withRevisionData } from './revision-data.ts';

function made(spec: Partial<ModelDeploymentSpec> = {}, restartedAt?: string): ModelDeployment {
  return {
    apiVersion: 'modelfleet.dev/v1alpha1',
    kind: 'ModelDeployment',
    metadata: { name: 'qwen', ...(restartedAt !== undefined && { annotations: { [annotations.restartedAt]: restartedAt } }) },
    spec: { model: { source: 'hf://Qwen/Qwen3-4B' }, ...spec },
  };
}

test('keeps what pods are made from, and nothing of how they are served or how many they are', () => {
  const deployment = made({ replicas: 3, serving: { maxQueue: 1 }, rollout: { drainTimeout: '1m', maxSurge: 2 }, suspend: true }, 'then');
  expect(revisionData(deployment)).toEqual({
    metadata: { annotations: { [annotations.restartedAt]: 'then' } },
    spec: { model: { source: 'hf://Qwen/Qwen3-4B' }, rollout: { drainTimeout: '1m' } },
  });
});

test('has its fields in the order in which Go writes them', () => {
  const deployment = made({ resources: { requests: { memory: '1Gi', cpu: 1 } }, engine: { env: [{ value: 'b', name: 'A' }] } });
  expect(JSON.stringify(revisionData(deployment))).toBe(
    '{"spec":{"engine":{"env":[{"name":"A","value":"b"}]},"model":{"source":"hf://Qwen/Qwen3-4B"},"resources":{"requests":{"cpu":1,"memory":"1Gi"}}}}',
  );
});

test('makes the deployment that had these pods, with all else as it is now', () => {
  const old = revisionData(made({ engine: { device: 'CPU' } }));
  const now = made({ replicas: 3, cache: { size: '1Gi' }, rollout: { drainTimeout: '1m', maxSurge: 2 } }, 'then');
  const former = withRevisionData(now, old);
  expect(revisionData(former)).toEqual(old);
  expect(former).toMatchObject({ metadata: { name: 'qwen' }, spec: { replicas: 3, rollout: { maxSurge: 2 } } });
  expect(withRevisionData(former, revisionData(now))).toEqual(now);
});

test('goes back to what was there, field by field, and touches nothing else', () => {
  const old = revisionData(made({ engine: { device: 'CPU' } }));
  const now = made({ replicas: 3, cache: { size: '1Gi' }, rollout: { drainTimeout: '1m', maxSurge: 2 } }, 'then');
  expect(rollbackPatch(now, old)).toEqual([
    { op: 'remove', path: '/metadata/annotations/modelfleet.dev~1restartedAt' },
    { op: 'add', path: '/spec/engine', value: { device: 'CPU' } },
    { op: 'remove', path: '/spec/cache' },
    { op: 'remove', path: '/spec/rollout/drainTimeout' },
  ]);
});

test('makes the objects above a field that comes back', () => {
  const old = revisionData(made({ health: { wedgeTimeout: '1m' } }, 'then'));
  expect(rollbackPatch(made(), old)).toEqual([
    { op: 'add', path: '/metadata/annotations', value: {} },
    { op: 'add', path: '/metadata/annotations/modelfleet.dev~1restartedAt', value: 'then' },
    { op: 'add', path: '/spec/health', value: {} },
    { op: 'add', path: '/spec/health/wedgeTimeout', value: '1m' },
  ]);
});

test('has nothing to do where the pods are those already', () => {
  expect(rollbackPatch(made({ replicas: 5 }), revisionData(made({ replicas: 1 })))).toEqual([]);
});

test('names each field that differs as the spec does', () => {
  const before = revisionData(made({ engine: { tuning: { maxSequences: 4 }, args: ['--a'] }, resources: {} }));
  const after = revisionData(made({ engine: { tuning: { maxSequences: 8 }, args: ['--b'] }, resources: { gpu: { count: 2 } } }, 'then'));
  expect(revisionChanges(before, after)).toEqual([
    { field: 'engine.args', before: ['--a'], after: ['--b'] },
    { field: 'engine.tuning.maxSequences', before: 4, after: 8 },
    { field: 'resources.gpu.count', before: undefined, after: 2 },
    { field: `metadata.annotations.${annotations.restartedAt}`, before: undefined, after: 'then' },
  ]);
  expect(revisionChanges(before, before)).toEqual([]);
});
