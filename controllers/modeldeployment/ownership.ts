import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import { type MergePatch, type Pod, refKey } from '../../src/kube/index.ts';
import { ownerReference } from './builders/owner.ts';
import { controllerUid } from './gather.ts';

/** Name of the index of pods by the deployment that their label names, `namespace/name`. */
export const byModel = 'model';

/** Selects our pods that have lost the label by which the other informer finds them. */
export const straySelector = `${labels.managedBy}=modelfleet,!${labels.model}`;

/** The key of the deployment that a pod's label names. */
export function modelKey({ metadata: { namespace, labels: carried } }: Pod): readonly string[] {
  const name = carried?.[labels.model];
  return name ? [refKey({ namespace, name })] : [];
}

/** The key of the deployment that may want to adopt a pod; none when somebody controls it. */
export function adopterKey(pod: Pod): readonly string[] {
  return controllerUid(pod).length === 0 ? modelKey(pod) : [];
}

export type Claims = { readonly adopt: readonly Pod[]; readonly release: readonly Pod[] };

/**
 * Which pods become a deployment's and which cease to be, as a ReplicaSet decides it (client-go, ControllerRefManager): one with
 * our label that nobody controls is adopted, one that is ours and carries our label no longer is released. Pure.
 */
export function planClaims({ metadata: { name, uid } }: ModelDeployment, candidates: readonly Pod[]): Claims {
  const ours = (pod: Pod) => uid !== undefined && controllerUid(pod).includes(uid);
  const fits = (pod: Pod) => pod.metadata.labels?.[labels.model] === name;
  const standing = candidates.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  return {
    adopt: standing.filter((pod) => fits(pod) && controllerUid(pod).length === 0 && !hasEnded(pod)),
    release: standing.filter((pod) => ours(pod) && !fits(pod)),
  };
}

/** Makes the deployment the controller of a pod. Fails when the pod has changed meanwhile, for lists are patched whole. */
export function adoption(pod: Pod, deployment: ModelDeployment): MergePatch<Pod> {
  const ours = ownerReference(deployment);
  const others = (pod.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== ours.uid);
  return { metadata: { ...incarnation(pod), ownerReferences: [...others, ours] } };
}

/** Takes the deployment from the owners of a pod. */
export function release(pod: Pod, { metadata }: ModelDeployment): MergePatch<Pod> {
  const others = (pod.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== metadata.uid);
  return { metadata: { ...incarnation(pod), ownerReferences: others.length > 0 ? others : null } };
}

function incarnation({ metadata: { uid, resourceVersion } }: Pod) {
  return { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) };
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded';
}
