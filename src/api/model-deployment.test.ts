import { expect, test } from 'vitest';
import { type ModelDeployment, type ModelDeploymentSpec, resolveSpec, servedNames, servingLimits } from './model-deployment.ts';

function deployment(spec: Partial<ModelDeploymentSpec> = {}): ModelDeployment {
  return {
    apiVersion: 'modelfleet.dev/v1alpha1',
    kind: 'ModelDeployment',
    metadata: { name: 'qwen', namespace: 'models' },
    spec: { model: { source: 'hf://Qwen/Qwen3' }, ...spec },
  };
}

test('a model is served under its own name and its full name', () => {
  expect(servedNames(deployment())).toEqual(['qwen', 'models/qwen']);
});

test('public names replace the own name, but not the full one', () => {
  expect(servedNames(deployment({ serving: { names: ['gpt-4o-mini', 'q'] } }))).toEqual(['gpt-4o-mini', 'q', 'models/qwen']);
});

test('limits come with defaults, in milliseconds', () => {
  expect(servingLimits(deployment())).toMatchObject({
    maxConcurrencyPerReplica: 8,
    maxQueue: 256,
    queueTimeoutMs: 60_000,
    requestTimeoutMs: 600_000,
  });
  expect(servingLimits(deployment({ serving: { queueTimeout: '2.5s', cache: { ttl: '5m' }, defaults: { topP: 0.5 } } }))).toMatchObject({
    queueTimeoutMs: 2_500,
    cacheTtlMs: 300_000,
    topP: 0.5,
    temperature: undefined,
  });
});

test('a spec that is not valid names the field', () => {
  expect(() => resolveSpec(deployment({ rollout: { drainTimeout: 'soon' } }))).toThrow(/drainTimeout/);
});
