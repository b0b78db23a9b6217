import type { Container, LocalObjectReference } from 'kubernetes-types/core/v1.js';
import type { ResolvedSpec } from '../../../src/api/model-deployment.ts';

/** When the kubelet asks the registry for an image that the node has. */
export const pullPolicies = ['Always', 'IfNotPresent', 'Never'] as const;

/** What the operator gives to workers whose spec does not say: new pods get it, running ones stay as they are. */
export type WorkerDefaults = {
  /** Image for the CPU, and for every device whose own is not given. */
  readonly workerImage: string;
  readonly workerImageCuda?: string | undefined;
  readonly workerImageVulkan?: string | undefined;
  /** Of these images; the kubelet's own rule unless given. */
  readonly workerImagePullPolicy?: (typeof pullPolicies)[number] | undefined;
  /** Names of Secrets in the namespace of the pod. */
  readonly workerImagePullSecrets?: readonly string[] | undefined;
};

/** The image of a worker and how it is pulled; the spec's own image wins, and with it the kubelet's rule. */
export function workerImage(spec: ResolvedSpec, defaults: WorkerDefaults): Pick<Container, 'image' | 'imagePullPolicy'> {
  if (spec.engine.image !== undefined) return { image: spec.engine.image };
  return pulled(imageForDevice(spec, defaults), defaults);
}

/** The image that has the agent alone to give: that for the CPU is the smallest. */
export function agentImage(defaults: WorkerDefaults): Pick<Container, 'image' | 'imagePullPolicy'> {
  return pulled(defaults.workerImage, defaults);
}

function pulled(image: string, { workerImagePullPolicy }: WorkerDefaults): Pick<Container, 'image' | 'imagePullPolicy'> {
  return { image, ...(workerImagePullPolicy && { imagePullPolicy: workerImagePullPolicy }) };
}

/** The Secrets to pull with, in the shape of a pod; empty when there are none. */
export function pullSecrets({ workerImagePullSecrets = [] }: WorkerDefaults): { readonly imagePullSecrets?: LocalObjectReference[] } {
  return workerImagePullSecrets.length === 0 ? {} : { imagePullSecrets: workerImagePullSecrets.map((name) => ({ name })) };
}

/** What the worker is told to compute on: a GPU that is asked for must be there, so that Auto never ends on the CPU unseen. */
export function deviceOf({ engine, resources: { gpu } }: ResolvedSpec): ResolvedSpec['engine']['device'] {
  if (engine.device !== 'Auto' || !gpu) return engine.device;
  return gpu.resource.startsWith('nvidia.com/') ? 'CUDA' : 'Vulkan';
}

function imageForDevice(spec: ResolvedSpec, defaults: WorkerDefaults): string {
  const { workerImage: cpu, workerImageCuda: cuda = cpu, workerImageVulkan: vulkan = cpu } = defaults;
  switch (deviceOf(spec)) {
    case 'Auto':
    case 'CPU':
      return cpu;
    case 'CUDA':
      return cuda;
    case 'Vulkan':
    case 'WebGPU':
      return vulkan;
  }
}
