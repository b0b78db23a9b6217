import { z } from 'zod';
import { affinity, objectName, stringMap, toleration } from '../fields.ts';

/** `spec.placement`: where replicas run. */
export const placement = z
  .object({
    nodeSelector: stringMap(253).describe('As in a pod.').exactOptional(),
    tolerations: z.array(toleration).max(64).meta({ 'x-kubernetes-list-type': 'atomic' }).describe('As in a pod.').exactOptional(),
    affinity: affinity.describe('As in a pod.').exactOptional(),
    priorityClassName: objectName.describe('As in a pod.').exactOptional(),
    runtimeClassName: objectName.describe('As in a pod.').exactOptional(),
    topologySpread: z.boolean().default(true).describe('Spread replicas over nodes where that is possible.'),
  })
  .describe('Where replicas run.');
