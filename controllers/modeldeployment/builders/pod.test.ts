import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ModelDeploymentSpec, resolveSpec } from '../../../src/api/model-deployment.ts';
import { deployment } from '../testing/makers.fake.ts';
import { shapeOnHost, shapes, stockShapes } from '../testing/shapes.fake.ts';
import { buildPod, podTemplate } from './pod.ts';
import { revisionOf } from './revision.ts';
import type { WorkerDefaults } from './worker-image.ts';

function built(
  spec: Partial<ModelDeploymentSpec> = {},
  { onOneNode = false, ...defaults }: Partial<WorkerDefaults & { onOneNode: boolean }> = {},
) {
  const owner = deployment(spec);
  const resolved = resolveSpec(owner);
  const template = podTemplate(owner, resolved, { workerImage: 'modelfleet-worker', ...defaults });
  return buildPod(owner, template, { name: 'qwen-abcde', revision: revisionOf(owner, resolved), onOneNode });
}

const images = { workerImage: 'worker:1-cpu', workerImageCuda: 'worker:1-cuda', workerImageVulkan: 'worker:1-vulkan' };

test.each(Object.entries({ ...shapes, ...stockShapes, 'on-the-host': shapeOnHost }))('the pod %s', async (name, spec) => {
  await expect(stringify(built(spec, images))).toMatchFileSnapshot(`golden/${name}.yaml`);
});

test('the pod of an operator that has Secrets to pull with, on the node of its volume', async () => {
  const told = { workerImagePullPolicy: 'Always', workerImagePullSecrets: ['mirror', 'backup'], onOneNode: true } as const;
  const pod = built({ cache: { type: 'PersistentVolumeClaim', size: '50Gi' } }, { ...images, ...told });
  await expect(stringify(pod)).toMatchFileSnapshot('golden/with-pull-secrets-and-a-volume-of-one-node.yaml');
});

test('a pod says which adapters it loads', () => {
  const adapters = ['sql', 'law'].map((name) => ({ name, source: `hf://a/${name}` }));
  expect(built({ model: { source: 'hf://a/b', adapters } }).metadata.annotations).toMatchObject({ 'modelfleet.dev/adapters': 'sql,law' });
});

test("the user's arguments come last, so that they win", () => {
  expect(built(shapes['with-arguments']).spec?.containers[0]?.args?.slice(-2)).toEqual(['--max-sequences', '4']);
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
  const [container] =
    built({ engine: { image: 'example.org/worker:2', device: 'CUDA' } }, { workerImageCuda: 'cuda', workerImagePullPolicy: 'Never' }).spec
      ?.containers ?? [];
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

  test('leaves to the server what is no affinity', () => {
    const affinity = { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: 'near' } };
    expect(built({ template: { spec: { affinity } } }, { onOneNode: true }).spec?.affinity).toEqual(affinity);
  });

  test("keeps the user's own wishes", () => {
    const affinity = { nodeAffinity: {}, podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [wish] } };
    expect(built({ placement: { affinity } }, { onOneNode: true }).spec?.affinity).toEqual({
      nodeAffinity: {},
      podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [wish, beside] },
    });
  });
});

describe('a GPU that is asked for', () => {
  const deviceTold = (spec: Partial<ModelDeploymentSpec>) => {
    const args = built(spec).spec?.containers[0]?.args ?? [];
    return args[args.indexOf('--device') + 1];
  };
  const gpu = (resource: string) => ({ resources: { gpu: { resource } } });

  test.each<[string, string, Partial<ModelDeploymentSpec>]>([
    ['CUDA', 'of NVIDIA', gpu('nvidia.com/gpu')],
    ['Vulkan', 'of AMD', gpu('amd.com/gpu')],
    ['Vulkan', 'of NVIDIA by the word of the user', { ...gpu('nvidia.com/gpu'), engine: { device: 'Vulkan' } }],
    ['Auto', 'by nobody', {}],
  ])('must be there: the device is %s for one %s', (device, _, spec) => expect(deviceTold(spec)).toBe(device));

  test('is in limits and in equal requests, whatever else says', () => {
    const resources = { gpu: { count: 2 }, requests: { 'nvidia.com/gpu': 1, cpu: 1 }, limits: { 'nvidia.com/gpu': 4 } };
    expect(built({ resources }).spec?.containers[0]?.resources).toEqual({
      requests: { cpu: '1', 'nvidia.com/gpu': '2' },
      limits: { 'nvidia.com/gpu': '2' },
    });
  });
});

describe('a template', () => {
  test('cannot change what makes the pod a replica', () => {
    const metadata = { labels: { 'modelfleet.dev/model': 'other', team: 'a' }, annotations: { 'karpenter.sh/do-not-disrupt': 'false' } };
    expect(built({ template: { metadata } }).metadata).toMatchObject({
      name: 'qwen-abcde',
      namespace: 'models',
      labels: { 'modelfleet.dev/model': 'qwen', team: 'a' },
      annotations: { 'karpenter.sh/do-not-disrupt': 'true' },
      ownerReferences: [{ uid: 'uid-qwen' }],
    });
  });

  test('leaves the worker the first container', () => {
    const containers = [
      { name: 'log', image: 'log' },
      { name: 'worker', env: [] },
      { name: 'a', image: 'a' },
    ];
    expect(built({ template: { spec: { containers } } }).spec?.containers.map(({ name }) => name)).toEqual(['worker', 'log', 'a']);
  });

  test('keeps the pull secrets of the operator beside its own', () => {
    const spec = { imagePullSecrets: [{ name: 'team' }] };
    const pod = built({ template: { spec } }, { workerImagePullSecrets: ['mirror'] });
    expect(pod.spec?.imagePullSecrets).toEqual(expect.arrayContaining([{ name: 'team' }, { name: 'mirror' }]));
  });

  test('that cannot be used makes no pod', () => {
    expect(() => built({ template: { spec: { restartPolicy: 'Never' } } })).toThrow('restartPolicy must stay Always');
  });
});
