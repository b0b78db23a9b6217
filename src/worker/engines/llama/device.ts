import type { Llama } from 'node-llama-cpp';
import { Failure } from '../../../core/failure.ts';
import type { Device } from '../engine.ts';

/** What to ask node-llama-cpp for; `Auto` is settled by what there is. */
export function gpuFor(device: Device): false | 'cuda' | 'vulkan' | 'auto' {
  switch (device) {
    case 'CPU':
      return false;
    case 'CUDA':
      return 'cuda';
    case 'Vulkan':
      return 'vulkan';
    case 'Auto':
      return 'auto';
    case 'WebGPU':
      throw new Failure('UnsupportedModel', 'The engine llama does not run on WebGPU; choose device CPU, CUDA, Vulkan or Auto.');
  }
}

/**
 * What the loaded engine really runs on. Asked for a GPU and got none is `DeviceMissing`, not slow success:
 * a GPU build loads happily with no device at all (ggml-vulkan skips CPU devices) and computes on the CPU.
 */
export async function assertDevice(llama: Llama, device: Device, gpuLayers: number): Promise<string> {
  const names = llama.gpu === false ? [] : await llama.getGpuDeviceNames();
  const memory = llama.gpu === false ? 0 : (await llama.getVramState()).total;
  const onGpu = names.length > 0 && memory > 0 && gpuLayers > 0;
  if (onGpu) return `${llama.gpu === 'cuda' ? 'CUDA' : llama.gpu === 'vulkan' ? 'Vulkan' : llama.gpu}: ${names.join(', ')}`;
  if (device === 'CPU' || device === 'Auto') return 'CPU';
  throw new Failure(
    'DeviceMissing',
    `The model was to run on ${device}, but llama.cpp found ${names.length > 0 ? `only ${names.join(', ')} with no room for a layer` : 'no such device'}.`,
  );
}
