import type { Llama } from 'node-llama-cpp';
import { expect, test } from 'vitest';
import { assertDevice } from './device.ts';

/** What a build of llama.cpp says of itself. */
function build(gpu: 'cuda' | 'vulkan' | false, names: readonly string[], total = 24e9): Llama {
  const told = { gpu, getGpuDeviceNames: async () => names, getVramState: async () => ({ total, used: 0, free: total, unifiedSize: 0 }) };
  return told as unknown as Llama;
}

test('what the model runs on is told', async () => {
  expect(await assertDevice(build('cuda', ['NVIDIA H100']), 'CUDA', 28)).toBe('CUDA: NVIDIA H100');
  expect(await assertDevice(build(false, []), 'Auto', 0)).toBe('CPU');
});

test.each([
  ['the build finds no device', build('vulkan', [], 0), 'Vulkan', 28, 'found no such device'],
  ['no layer has room on it', build('cuda', ['NVIDIA T4']), 'CUDA', 0, 'found only NVIDIA T4 with no room for a layer'],
  ['the build is for the CPU', build(false, []), 'CUDA', 28, 'found no such device'],
] as const)('asked for a GPU it is DeviceMissing when %s', async (_, llama, device, layers, says) => {
  await expect(assertDevice(llama, device, layers)).rejects.toMatchObject({
    reason: 'DeviceMissing',
    message: expect.stringContaining(says),
  });
});
