import { describe, expect, test } from 'vitest';
import { type ModelDeploymentSpec, resolveSpec } from '../../../src/api/model-deployment.ts';
import { deployment } from '../testing/makers.fake.ts';
import { podTemplate } from './pod.ts';
import { revisionOf } from './revision.ts';

const model = { source: 'hf://Qwen/Qwen3-4B' };
const claim = { type: 'PersistentVolumeClaim', size: '50Gi' } as const;

const full: Partial<ModelDeploymentSpec> = {
  model: {
    source: 'pvc://shared/qwen/model.gguf',
    files: ['model.gguf'],
    checksums: { 'b.gguf': `sha256:${'b'.repeat(64)}`, 'a.gguf': `sha256:${'a'.repeat(64)}` },
    secretRef: { name: 'hf-token' },
    contextLength: 32_768,
  },
  engine: { device: 'CUDA', args: ['--x'], env: [{ name: 'X', value: '1' }], tuning: { maxSequences: 16 } },
  resources: { gpu: { count: 2 }, requests: { cpu: 4, memory: '8Gi' }, limits: { memory: '8Gi' }, sharedMemory: '2Gi' },
  placement: {
    nodeSelector: { gpu: 'h100' },
    tolerations: [{ key: 'gpu', operator: 'Exists', tolerationSeconds: 9 }],
    topologySpread: false,
  },
  cache: { ...claim, storageClassName: 'fast' },
  rollout: { drainTimeout: '90s' },
  health: { wedgeTimeout: '30s' },
};

function of(spec: Partial<ModelDeploymentSpec> = {}, annotations: Readonly<Record<string, string>> = {}) {
  const owner = deployment(spec, { annotations });
  const resolved = resolveSpec(owner);
  return { revision: revisionOf(owner, resolved), pod: podTemplate(owner, resolved, { workerImage: 'modelfleet-worker' }) };
}

const template = { metadata: { annotations: { a: '1', b: '2' } }, spec: { containers: [{ name: 'log', image: 'log' }] } };

// These are in the labels of running pods: a version of the operator that computes others restarts every worker that there is.
test.each([
  ['of a minimal spec', {}, 'c7bf875f4c'],
  ['of a full spec', full, '8d7762c5de'],
  ['of a spec with a template and a claim', { template, resources: { claims: [{ name: 'gpu', resourceClaimName: 'gpu' }] } }, '4f6586a0a7'],
])('is the same in every version of the operator: %s', (_, spec, revision) => expect(of(spec).revision).toBe(revision));

test.each<[string, Partial<ModelDeploymentSpec>]>([
  ['replicas', { replicas: 5 }],
  ['scaling', { scaling: { maxReplicas: 9 } }],
  ['serving', { serving: { names: ['gpt-4o-mini'], maxQueue: 1 } }],
  ['suspend', { suspend: true }],
  ['surge', { rollout: { maxSurge: 3 } }],
  ['a default written out', { engine: { type: 'Worker', device: 'Auto' }, rollout: { drainTimeout: '5m' } }],
])('stays as the pod does with a change of %s', (_, spec) => {
  expect(of(spec).revision).toBe(of().revision);
  expect(of(spec).pod).toEqual(of().pod);
});

test.each<[string, Partial<ModelDeploymentSpec>]>([
  ['the model', { model: { source: 'hf://Qwen/Qwen3-8B' } }],
  ['its files', { model: { ...model, files: ['a.gguf'] } }],
  ['its checksum', { model: { ...model, checksums: { a: `sha256:${'0'.repeat(64)}` } } }],
  ['its secret', { model: { ...model, secretRef: { name: 'hf' } } }],
  ['the context length', { model: { ...model, contextLength: 4096 } }],
  ['an adapter', { model: { ...model, adapters: [{ name: 'sql', source: 'hf://a/sql' }] } }],
  ['the device', { engine: { device: 'CPU' } }],
  ['the image', { engine: { image: 'mine' } }],
  ['arguments', { engine: { args: ['--x'] } }],
  ['the environment', { engine: { env: [{ name: 'X', value: '1' }] } }],
  ['the sequences', { engine: { tuning: { maxSequences: 3 } } }],
  ['a GPU', { resources: { gpu: {} } }],
  ['memory asked for', { resources: { requests: { memory: '4Gi' } } }],
  ['memory allowed', { resources: { limits: { memory: '4Gi' } } }],
  ['shared memory', { resources: { sharedMemory: '1Gi' } }],
  ['a claim', { resources: { claims: [{ name: 'gpu', resourceClaimName: 'gpu' }] } }],
  ["a template's label", { template: { metadata: { labels: { team: 'a' } } } }],
  ["a template's container", { template: { spec: { containers: [{ name: 'log', image: 'log' }] } } }],
  ['the node selector', { placement: { nodeSelector: { zone: 'a' } } }],
  ['tolerations', { placement: { tolerations: [{ operator: 'Exists' }] } }],
  ['affinity', { placement: { affinity: { nodeAffinity: {} } } }],
  ['the priority', { placement: { priorityClassName: 'high' } }],
  ['the runtime class', { placement: { runtimeClassName: 'nvidia' } }],
  ['the spread', { placement: { topologySpread: false } }],
  ['the cache', { cache: claim }],
  ['the size of a cache in the pod', { cache: { size: '1Gi' } }],
  ['the drain', { rollout: { drainTimeout: '1m' } }],
  ['the wedge timeout', { health: { wedgeTimeout: '1s' } }],
])('changes as the pod does with %s', (_, spec) => {
  expect(of(spec).revision).not.toBe(of().revision);
  expect(of(spec).pod).not.toEqual(of().pod);
});

describe('the annotation restartedAt', () => {
  const restarted = (at: string) => of({}, { 'modelfleet.dev/restartedAt': at }).revision;

  test('gives a new revision with every new value', () => {
    expect(restarted('2026-01-01T00:00:00Z')).not.toBe(of().revision);
    expect(restarted('2026-01-02T00:00:00Z')).not.toBe(restarted('2026-01-01T00:00:00Z'));
  });

  test('is the only annotation that counts', () => expect(of({}, { team: 'a' }).revision).toBe(of().revision));
});

test('does not depend on the order of fields, or on how a number is written', () => {
  const reversed = { spec: template.spec, metadata: { annotations: { b: '2', a: '1' } } };
  expect(of({ template: reversed }).revision).toBe(of({ template }).revision);
  const checksums = Object.fromEntries(Object.entries(full.model?.checksums ?? {}).reverse());
  const reordered = { ...full, model: { ...model, ...full.model, checksums } };
  const written = { ...full.resources, requests: { memory: '8Gi', cpu: '4' } };
  expect(of({ ...reordered, resources: written }).revision).toBe(of(full).revision);
});
