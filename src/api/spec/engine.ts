import { z } from 'zod';
import { envVar, int32, rules, text } from '../fields.ts';

const tuning = z
  .object({
    dtype: z.enum(['auto', 'float16', 'bfloat16', 'float32']).describe('Type of the weights in memory.').exactOptional(),
    maxSequences: int32(1, 4096).describe('Most requests that one replica computes at once.').exactOptional(),
    gpuMemoryUtilization: text(
      /^(0\.[0-9]{1,4}|1(\.0{1,4})?)$/,
      6,
      'write a share of the memory between 0.01 and 1, in quotes, such as "0.9"',
    )
      .describe('Share of the device memory that the engine may take.')
      .exactOptional(),
    tensorParallel: int32(1, 64).describe('GPUs that one replica is spread over.').exactOptional(),
    kvCacheType: text(/^[a-z][a-z0-9_]*$/, 16, 'write a cache type such as auto, f16, q8_0 or fp8')
      .describe('Type of the KV cache.')
      .exactOptional(),
    chunkedPrefill: z.boolean().describe('Mix pieces of long prompts with running answers.').exactOptional(),
  })
  .describe('Knobs of the engine; each engine uses those that it knows.');

/** `spec.engine`: how it is computed. */
export const engine = z
  .object({
    type: z.enum(['Worker', 'VLLM', 'LlamaServer', 'Custom']).default('Worker').describe('The engine that runs the model.'),
    device: z
      .enum(['Auto', 'CPU', 'CUDA', 'Vulkan', 'WebGPU'])
      .default('Auto')
      .describe('What to compute on. Auto takes a GPU when `resources.gpu` asks for one and is never silently CPU then.'),
    image: text(/^[^ ]+$/, 512, 'write an image reference without spaces')
      .describe("Image to run instead of the engine's own.")
      .exactOptional(),
    args: z
      .array(z.string().max(4096))
      .max(128)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe("Arguments after the operator's own; where both set a thing these win.")
      .exactOptional(),
    env: z
      .array(envVar)
      .max(128)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe("Environment variables of the container, as in a pod; these win over the operator's.")
      .exactOptional(),
    tuning: tuning.exactOptional(),
  })
  .meta(
    rules(
      {
        rule: "self.type != 'VLLM' || self.device in ['Auto', 'CPU', 'CUDA']",
        message: 'engine.type VLLM runs on device Auto, CPU or CUDA: choose one of these, or engine.type Worker for Vulkan and WebGPU',
      },
      {
        rule: "self.type != 'LlamaServer' || self.device != 'WebGPU'",
        message: 'engine.type LlamaServer has no WebGPU: choose device Auto, CPU, CUDA or Vulkan, or engine.type Worker',
      },
      { rule: "self.type != 'Custom' || has(self.image)", message: 'engine.type Custom needs engine.image: name the image to run' },
    ),
  )
  .describe('How it is computed.');
