import type { OwnerReference } from 'kubernetes-types/meta/v1.js';
import type { ModelDeployment } from '../../../src/api/model-deployment.ts';
import { apiVersion } from '../../../src/api/resources.ts';

/** Makes the deployment the controller of an object: the object is collected with it, and a foreground deletion waits for it. */
export function ownerReference(deployment: ModelDeployment): OwnerReference {
  const { name, uid = '' } = deployment.metadata;
  return { apiVersion, kind: 'ModelDeployment', name, uid, controller: true, blockOwnerDeletion: true };
}
