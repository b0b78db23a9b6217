import { z } from 'zod';
import { int32, rules } from './fields.ts';
import { cache } from './spec/cache.ts';
import { engine } from './spec/engine.ts';
import { health } from './spec/health.ts';
import { model } from './spec/model.ts';
import { placement } from './spec/placement.ts';
import { resources } from './spec/resources.ts';
import { rollout } from './spec/rollout.ts';
import { scaling } from './spec/scaling.ts';
import { serving } from './spec/serving.ts';
import { template } from './spec/template.ts';

/** The spec of a ModelDeployment: one file of `spec/` for each of its parts. */
export const modelDeploymentSpec = z
  .object({
    model,
    engine: engine.prefault({}),
    resources: resources.prefault({}),
    placement: placement.prefault({}),
    cache: cache.prefault({}),
    template: template.exactOptional(),
    replicas: int32(0, 1000).default(1).describe('How many replicas run. Owned by the autoscaler when `scaling` is set.'),
    scaling: scaling.exactOptional(),
    serving: serving.prefault({}),
    rollout: rollout.prefault({}),
    health: health.prefault({}),
    suspend: z.boolean().default(false).describe('End all replicas and keep the object.'),
  })
  .meta(
    rules(
      {
        rule: "self.engine.device != 'CPU' || !has(self.resources.gpu)",
        message: 'engine.device CPU uses no GPU: remove resources.gpu or choose another device',
      },
      {
        rule: '!has(self.engine.tuning) || !has(self.engine.tuning.tensorParallel) || self.engine.tuning.tensorParallel == 1 || has(self.resources.claims) || (has(self.resources.gpu) && self.engine.tuning.tensorParallel <= self.resources.gpu.count)',
        message: 'engine.tuning.tensorParallel needs as many GPUs: raise resources.gpu.count or lower tensorParallel',
      },
      {
        rule: "!has(self.resources.claims) || has(self.resources.gpu) || self.engine.device != 'Auto'",
        message: 'engine.device Auto cannot see what resources.claims give: choose CPU, CUDA, Vulkan or WebGPU',
      },
    ),
  )
  .describe('What is wanted.');
