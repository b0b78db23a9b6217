import type { PersistentVolumeClaim as ApiPersistentVolumeClaim } from 'kubernetes-types/core/v1.js';
import type { ModelDeployment, ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { labels } from '../../../src/api/resources.ts';
import { type Draft, resourceType, type Served } from '../../../src/kube/index.ts';
import { ownerReference } from './owner.ts';
import { cacheClaimName } from './volumes.ts';

export type PersistentVolumeClaim = Served<ApiPersistentVolumeClaim>;

export const persistentVolumeClaims = resourceType<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  namespaced: true,
});

/** The claim that replicas share as their cache, or undefined when the cache is not a claim. It goes with the deployment. */
export function cacheClaim(deployment: ModelDeployment, spec: ResolvedSpec): Draft<PersistentVolumeClaim> | undefined {
  const { type, size, storageClassName } = spec.cache;
  if (type !== 'PersistentVolumeClaim' || size === undefined) return undefined;
  const { name, namespace = '' } = deployment.metadata;
  return {
    metadata: {
      name: cacheClaimName(name),
      namespace,
      labels: { [labels.model]: name, [labels.instance]: name, [labels.managedBy]: 'modelfleet' },
      ownerReferences: [ownerReference(deployment)],
    },
    spec: {
      accessModes: [accessMode(spec)],
      resources: { requests: { storage: String(size) } },
      ...(storageClassName !== undefined && { storageClassName }),
    },
  };
}

/** Whether the volume of a claim is on one node at a time. */
export function isOnOneNode(claim: PersistentVolumeClaim): boolean {
  return claim.spec?.accessModes?.includes('ReadWriteMany') !== true;
}

/** Replicas on different nodes need a class that offers ReadWriteMany; a single one makes do with any class. */
function accessMode({ cache, replicas, scaling }: ResolvedSpec): string {
  return cache.accessMode ?? (Math.max(replicas, scaling?.maxReplicas ?? 0) > 1 ? 'ReadWriteMany' : 'ReadWriteOnce');
}
