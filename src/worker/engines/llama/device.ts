import { type Llama, NoBinaryFoundError } from 'node-llama-cpp';
import { describeError, Failure } from '../../../core/failure.ts';
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

/** The failure that no usable build for `device` means. */
export function deviceFailure(device: Device, error: unknown): Failure {
  if (!(error instanceof NoBinaryFoundError))
    return new Failure('EngineCrashed', `llama.cpp cannot run on ${device}: ${describeError(error)}`, { cause: error });
  const message = `No build of llama.cpp that can run on ${device === 'Auto' ? 'any device' : device} here is installed.`;
  return new Failure(device === 'CPU' || device === 'Auto' ? 'UnsupportedModel' : 'DeviceMissing', message, { cause: error });
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
