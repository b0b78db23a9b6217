import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ModelDeploymentSpec, resolveSpec } from '../../../src/api/model-deployment.ts';
import { deployment } from '../testing/makers.fake.ts';
import { buildPod, podTemplate } from './pod.ts';
import { revisionOf } from './revision.ts';
import type { WorkerDefaults } from './worker-image.ts';

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

function built(
  spec: Partial<ModelDeploymentSpec> = {},
  { onOneNode = false, ...defaults }: Partial<WorkerDefaults & { onOneNode: boolean }> = {},
) {
  const owner = deployment(spec);
  const resolved = resolveSpec(owner);
  const template = podTemplate(owner, resolved, { workerImage: 'modelfleet-worker', ...defaults });
  return buildPod(owner, template, { name: 'qwen-abcde', revision: revisionOf(owner, resolved), onOneNode });
}

test.each([
  ['minimal', {}],
  ['full', full],
])('the pod of a %s spec', async (name, spec) => {
  await expect(stringify(built(spec))).toMatchFileSnapshot(`golden/${name}.yaml`);
});

test("the user's arguments come last, so that they win", () => {
  expect(built(full).spec?.containers[0]?.args?.slice(-2)).toEqual(['--max-sequences', '4']);
});

describe('an image that the spec does not name', () => {
  const images = { workerImage: 'cpu', workerImageCuda: 'cuda', workerImageVulkan: 'vulkan' };
  const gpu = (resource: string) => ({ gpu: { resource } });

  test.each<[string, string, Partial<ModelDeploymentSpec>]>([
    ['cpu', 'nothing', {}],
    ['cpu', 'the CPU', { engine: { device: 'CPU' } }],
    ['cuda', 'CUDA', { engine: { device: 'CUDA' } }],
    ['vulkan', 'Vulkan', { engine: { device: 'Vulkan' } }],
    ['vulkan', 'Vulkan on an NVIDIA GPU', { engine: { device: 'Vulkan' }, resources: gpu('nvidia.com/gpu') }],
    ['vulkan', 'WebGPU', { engine: { device: 'WebGPU' } }],
    ['cuda', 'an NVIDIA GPU', { resources: gpu('nvidia.com/gpu') }],
    ['cuda', 'a part of an NVIDIA GPU', { resources: gpu('nvidia.com/mig-1g.10gb') }],
    ['vulkan', 'a GPU of somebody else', { resources: gpu('amd.com/gpu') }],
  ])('is that for %s when the spec asks for %s', (image, _, spec) => {
    expect(built(spec, images).spec?.containers[0]?.image).toBe(image);
    expect(built(spec).spec?.containers[0]?.image).toBe('modelfleet-worker'); // the one for all that have none
  });

  test('is pulled as the operator was told', () => {
    const pod = built({}, { workerImagePullPolicy: 'Never', workerImagePullSecrets: ['mirror', 'backup'] });
    expect(pod.spec).toMatchObject({
      containers: [{ imagePullPolicy: 'Never' }],
      imagePullSecrets: [{ name: 'mirror' }, { name: 'backup' }],
    });
  });
});

test("the spec's own image wins, and is pulled as the kubelet does by itself", () => {
  const [container] = built(full, { workerImageCuda: 'cuda', workerImagePullPolicy: 'Never' }).spec?.containers ?? [];
  expect(container?.image).toBe('example.org/worker:2');
  expect(container).not.toHaveProperty('imagePullPolicy');
});

describe('a replica whose cache is on one node', () => {
  const wish = { weight: 1, podAffinityTerm: { topologyKey: 'zone', labelSelector: {} } };
  const beside = {
    weight: 100,
    podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { 'modelfleet.dev/model': 'qwen' } } },
  };

  test('is drawn to the others', () => {
    expect(built({}, { onOneNode: true }).spec?.affinity).toEqual({
      podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [beside] },
    });
  });

  test("keeps the user's own wishes", () => {
    const affinity = { nodeAffinity: {}, podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [wish] } };
    expect(built({ placement: { affinity } }, { onOneNode: true }).spec?.affinity).toEqual({
      nodeAffinity: {},
      podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [wish, beside] },
    });
  });
});
