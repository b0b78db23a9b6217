import { z } from 'zod';
import { dnsLabel, int32, objectName, quantity, rules, text } from '../fields.ts';

const gpu = z
  .object({
    resource: text(/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/, 128, 'write an extended resource such as nvidia.com/gpu')
      .default('nvidia.com/gpu')
      .describe('The extended resource that the device plugin offers.'),
    count: int32(1, 64).default(1).describe('GPUs for one replica.'),
  })
  .describe('GPUs of one replica.');

const claim = z
  .object({
    name: dnsLabel.describe('Name of the claim in the pod.'),
    resourceClaimName: objectName.describe('A ResourceClaim of the namespace: all replicas share it.').exactOptional(),
    resourceClaimTemplateName: objectName
      .describe('A ResourceClaimTemplate of the namespace: every replica gets a claim of its own.')
      .exactOptional(),
    request: dnsLabel
      .describe('The request of the claim whose devices the worker gets; those of all its requests when not given.')
      .exactOptional(),
  })
  .meta(
    rules({
      rule: 'has(self.resourceClaimName) != has(self.resourceClaimTemplateName)',
      message: 'name either a resourceClaimName or a resourceClaimTemplateName',
    }),
  );

/** `spec.resources`: what one replica needs. */
export const resources = z
  .object({
    gpu: gpu.exactOptional(),
    requests: z.record(z.string(), quantity).meta({ maxProperties: 32 }).describe('As in a container.').exactOptional(),
    limits: z.record(z.string(), quantity).meta({ maxProperties: 32 }).describe('As in a container.').exactOptional(),
    sharedMemory: quantity
      .describe('Size of `/dev/shm`, for engines that are spread over GPUs; it counts against the memory limit. 64 MiB when not given.')
      .exactOptional(),
    claims: z
      .array(claim)
      .max(16)
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('Devices by dynamic resource allocation (resource.k8s.io), instead of `gpu` or beside it.')
      .exactOptional(),
  })
  .describe('What one replica needs.');
