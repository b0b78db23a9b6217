import type { ModelDeployment } from '../api/model-deployment.ts';
import { isReplicaReady } from '../api/replica.ts';
import { labels, modelDeploymentResource } from '../api/resources.ts';
import { type InformerCache, type ObjectRef, type Pod, pods, refKey, resourceType } from '../kube/index.ts';
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
  const deployments = cache.informer(modelDeployments);
  const replicas = cache.informer(pods);
  let former: ModelDeployment | undefined;
  const look = () => {
    const deployment = deployments.store.get(refKey(ref));
    former ??= deployment;
    if (!deployment?.status || deployment.status.observedGeneration !== deployment.metadata.generation) return;
    const isFormer = former?.metadata.resourceVersion === deployment.metadata.resourceVersion;
    // After a restart the status may still be that of the former run: a ready replica is the proof.
    const stale = deployment.status.phase === 'Ready' && !replicas.store.list().some((pod) => isReplicaOf(pod, ref) && isReplicaReady(pod));
    if (stale || (isFormer && isTriedAgain(deployment))) return;
    onProgress(progressOf(deployment));
    const verdict = verdictOf(deployment);
    if (verdict === 'ready') resolve();
    else if (verdict) reject(new Error(verdict.failure));
  };
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const stopListening = [deployments.addHandler({ add: look, update: look }), replicas.addHandler({ add: look, update: look })];
  if (signal.aborted) onAbort();
  return promise.finally(() => {
    for (const stop of stopListening) stop();
    signal.removeEventListener('abort', onAbort);
  });
}

/** What failed in a former run is tried again in this one; only a spec that is refused stays refused. */
function isTriedAgain({ status }: ModelDeployment): boolean {
  return (
    status?.phase === 'Failed' && status.conditions?.some(({ type, status: value }) => type === 'Accepted' && value === 'True') === true
  );
}

function isReplicaOf(pod: Pod, ref: ObjectRef): boolean {
  return pod.metadata.namespace === ref.namespace && pod.metadata.labels?.[labels.model] === ref.name;
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
    case 'Degraded': {
      // An older revision serves, but what was asked for does not come: only another spec helps.
      if (!status.failures?.some(({ reason }) => reason === 'RolloutHalted')) return undefined;
      const condition = status.conditions?.find(({ type, status: value }) => type === 'Degraded' && value === 'True');
      return { failure: `${metadata.name} is not changed: ${condition?.message ?? 'its rollout is halted'}` };
    }
    default:
      return undefined;
  }
}
