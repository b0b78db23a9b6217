import type { ModelDeployment } from '../api/model-deployment.ts';
import { modelDeploymentResource } from '../api/resources.ts';
import { type InformerCache, keyOf, type ObjectRef, refKey, resourceType } from '../kube/index.ts';
import { type Progress, progressOf } from './load-progress.ts';

const modelDeployments = resourceType<ModelDeployment>(modelDeploymentResource);

/**
 * Resolves when the deployment is ready, or rests on purpose (suspended, scaled to zero); tells its progress on the way.
 * Rejects with the cause and the remedy when it fails, and with the signal's reason when that aborts.
 */
export function deploymentReady(
  cache: InformerCache,
  ref: ObjectRef,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (deployment: ModelDeployment) => {
    if (keyOf(deployment) !== refKey(ref) || deployment.status?.observedGeneration !== deployment.metadata.generation) return;
    onProgress(progressOf(deployment));
    const verdict = verdictOf(deployment);
    if (verdict === 'ready') resolve();
    else if (verdict) reject(new Error(verdict.failure));
  };
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const removeHandler = cache.informer(modelDeployments).addHandler({ add: look, update: look });
  if (signal.aborted) onAbort();
  return promise.finally(() => {
    removeHandler();
    signal.removeEventListener('abort', onAbort);
  });
}

function verdictOf({ metadata, status }: ModelDeployment): 'ready' | { readonly failure: string } | undefined {
  switch (status?.phase) {
    case 'Ready':
    case 'Suspended':
    case 'ScaledToZero':
      return 'ready';
    case 'Failed': {
      const condition = status.conditions?.find(({ type, status: value }) => type === 'Ready' && value === 'False');
      return { failure: `${metadata.name} cannot be served: ${condition?.reason ?? 'Failed'}: ${condition?.message ?? 'no message'}` };
    }
    default:
      return undefined;
  }
}
