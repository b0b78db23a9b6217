import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ModelDeploymentSpec, resolveSpec } from '../../../src/api/model-deployment.ts';
import { deployment } from '../testing/makers.fake.ts';
import { cacheClaim } from './cache-claim.ts';
import { buildPod, podTemplate, revisionOf } from './pod.ts';

const full: Partial<ModelDeploymentSpec> = {
  model: {
    source: 'pvc://shared/qwen/model.gguf',
    files: ['model.gguf'],
    checksums: { 'b.gguf': `sha256:${'b'.repeat(64)}`, 'a.gguf': `sha256:${'a'.repeat(64)}` },
    secretRef: { name: 'hf-token' },
    contextLength: 32_768,
  },
  engine: {
    device: 'CUDA',
    image: 'example.org/worker:2',
    args: ['--max-sequences', '4'],
    env: [{ name: 'GGML_CUDA_FORCE_MMQ', value: '1' }],
    tuning: { maxSequences: 16 },
  },
  resources: { gpu: { count: 2 }, requests: { cpu: 4, memory: '8Gi' }, limits: { memory: '8Gi' }, sharedMemory: '2Gi' },
  placement: {
    nodeSelector: { gpu: 'h100' },
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'high',
    runtimeClassName: 'nvidia',
    topologySpread: false,
  },
  cache: { type: 'PersistentVolumeClaim', size: '50Gi', storageClassName: 'fast' },
  rollout: { drainTimeout: '90s' },
  health: { wedgeTimeout: '30s' },
};

function built(spec: Partial<ModelDeploymentSpec> = {}) {
  const owner = deployment(spec);
  const template = podTemplate(owner, resolveSpec(owner), 'modelfleet-worker');
  return { template, revision: revisionOf(template), pod: buildPod(owner, template, revisionOf(template), 'qwen-abcde') };
}

test.each([
  ['minimal', {}],
  ['full', full],
])('the pod of a %s spec', async (name, spec) => {
  await expect(stringify(built(spec).pod)).toMatchFileSnapshot(`golden/${name}.yaml`);
});

test("the user's arguments come last, so that they win", () => {
  expect(built(full).template.spec.containers[0]?.args?.slice(-2)).toEqual(['--max-sequences', '4']);
});

describe('the revision', () => {
  test.each<[string, Partial<ModelDeploymentSpec>]>([
    ['replicas', { replicas: 5 }],
    ['scaling', { scaling: { maxReplicas: 9 } }],
    ['serving', { serving: { names: ['gpt-4o-mini'], maxQueue: 1 } }],
    ['suspend', { suspend: true }],
    ['surge', { rollout: { maxSurge: 3 } }],
    ['a default written out', { engine: { type: 'Worker', device: 'Auto' }, rollout: { drainTimeout: '5m' } }],
  ])('stays when a pod would not change: %s', (_, spec) => expect(built(spec).revision).toBe(built().revision));

  test.each<[string, Partial<ModelDeploymentSpec>]>([
    ['the model', { model: { source: 'hf://Qwen/Qwen3-8B' } }],
    ['its checksum', { model: { source: 'hf://Qwen/Qwen3-4B', checksums: { a: `sha256:${'0'.repeat(64)}` } } }],
    ['the device', { engine: { device: 'CPU' } }],
    ['memory', { resources: { limits: { memory: '4Gi' } } }],
    ['the drain', { rollout: { drainTimeout: '1m' } }],
    ['placement', { placement: { nodeSelector: { zone: 'a' } } }],
  ])('changes with %s', (_, spec) => expect(built(spec).revision).not.toBe(built().revision));

  test('does not depend on the order of fields', () => {
    const checksums = Object.fromEntries(Object.entries(full.model?.checksums ?? {}).reverse());
    const model = { ...full.model, source: full.model?.source ?? '', checksums };
    expect(built({ ...full, model }).revision).toBe(built(full).revision);
  });
});

test('a cache on a claim is shared by all replicas that there may be', () => {
  const claim = (spec: Partial<ModelDeploymentSpec>) => {
    const owner = deployment({ cache: { type: 'PersistentVolumeClaim', size: '50Gi' }, ...spec });
    return cacheClaim(owner, resolveSpec(owner));
  };
  expect(claim({})).toMatchObject({
    metadata: { name: 'qwen-cache', ownerReferences: [{ uid: 'uid-qwen' }] },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '50Gi' } } },
  });
  expect(claim({ scaling: { maxReplicas: 2 } })?.spec?.accessModes).toEqual(['ReadWriteMany']);
  expect(claim({ cache: { type: 'Ephemeral' } })).toBeUndefined();
});
