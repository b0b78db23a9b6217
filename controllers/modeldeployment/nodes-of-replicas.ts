import { modelDeploymentResource } from '../../src/api/resources.ts';
import { type Node, type Pod, type Predicate, refKey, type Store } from '../../src/kube/index.ts';
import { nodeAwaySince } from './failures/signals.ts';

/** Name of the index of pods by the node that they are on. */
export const byNode = 'node';

export function nodeOf({ spec }: Pod): readonly string[] {
  return spec?.nodeName ? [spec.nodeName] : [];
}

/** `namespace/name` of each deployment that has a replica on the node. */
export function replicaOwnersOn(pods: Pick<Store<Pod>, 'byIndex'>, node: string): ReadonlySet<string> {
  const owners = pods.byIndex(byNode, node).flatMap(({ metadata: { namespace, ownerReferences = [] } }) => {
    const owner = ownerReferences.find(({ controller, kind }) => controller && kind === modelDeploymentResource.kind);
    return owner ? [refKey({ namespace, name: owner.name })] : [];
  });
  return new Set(owners);
}

/** A node comes, goes, is ready or is not; its heartbeats say nothing new. */
export const nodeTurned: Predicate<Node> = (change) =>
  change.type !== 'update' ||
  (nodeAwaySince({ node: change.old }) === undefined) !== (nodeAwaySince({ node: change.object }) === undefined);
