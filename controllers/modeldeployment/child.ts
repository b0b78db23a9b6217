import { isDeepStrictEqual } from 'node:util';
import type { OwnerReference } from 'kubernetes-types/meta/v1.js';
import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import type { Draft, KubeObject, MergePatch } from '../../src/kube/index.ts';
import { ownerReference } from './builders/owner.ts';
import { controllerUid } from './gather.ts';

/** What to do about the one object of a kind that a deployment has beside its pods. */
export type ChildPlan<T extends KubeObject> =
  | { readonly do: 'nothing' }
  | { readonly do: 'create'; readonly draft: Draft<T> }
  /** Somebody changed it, or the deployment did. */
  | { readonly do: 'correct'; readonly existing: T; readonly patch: MergePatch<T> }
  | { readonly do: 'remove'; readonly existing: T }
  /** The name is taken by somebody else's. */
  | { readonly do: 'leave'; readonly existing: T };

export type ChildMetadata = {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ownerReferences: OwnerReference[];
};

/** The metadata of an object that a deployment has once: it has its name and goes with it. */
export function childMetadata(deployment: ModelDeployment): ChildMetadata {
  const { name, namespace = '' } = deployment.metadata;
  return {
    name,
    namespace,
    labels: { [labels.model]: name, [labels.instance]: name, [labels.managedBy]: 'modelfleet' },
    ownerReferences: [ownerReference(deployment)],
  };
}

/** Whether an object is the deployment's, or was left behind by one of its name. */
export function isOurs(object: KubeObject, { metadata: { name, uid } }: ModelDeployment): boolean {
  const [controller] = controllerUid(object);
  if (controller !== undefined) return controller === uid;
  const { labels: carried } = object.metadata;
  return carried?.[labels.managedBy] === 'modelfleet' && carried[labels.instance] === name;
}

/** What of our own is missing in the metadata; others may add to it. */
export function metadataPatch({ metadata }: KubeObject, own: ChildMetadata): MergePatch<KubeObject['metadata']> | undefined {
  const carried = metadata.labels ?? {};
  const owners = metadata.ownerReferences ?? [];
  const labelled = Object.entries(own.labels).every(([name, value]) => carried[name] === value);
  const owned = own.ownerReferences.every((reference) => owners.some((owner) => isDeepStrictEqual(owner, reference)));
  if (labelled && owned) return undefined;
  const others = owners.filter(({ uid }) => !own.ownerReferences.some((reference) => reference.uid === uid));
  return { ...(!labelled && { labels: own.labels }), ...(!owned && { ownerReferences: [...others, ...own.ownerReferences] }) };
}
