import type { ModelDeployment } from './model-deployment.ts';
import { annotations } from './resources.ts';

/**
 * Whether a deployment has no replicas until a request wakes it: put to sleep, or new and allowed to begin so. With neither, its zero
 * is somebody's wish.
 */
export function isAsleep({ metadata, spec, status }: Pick<ModelDeployment, 'metadata' | 'spec' | 'status'>): boolean {
  if (spec.replicas !== 0 || spec.suspend) return false;
  if (metadata.annotations?.[annotations.asleep] !== undefined) return true;
  return status?.observedGeneration === undefined && spec.scaling?.minReplicas === 0;
}
