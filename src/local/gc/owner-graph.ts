import type { OwnerReference } from 'kubernetes-types/meta/v1.d.ts';
import type { KubeObject, ObjectRef, ResourceType } from '../../kube/index.ts';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** What the collector needs to know of an object. */
export type GraphNode = {
  readonly type: ResourceType;
  readonly ref: ObjectRef;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly owners: readonly OwnerReference[];
  readonly finalizers: readonly string[];
  readonly deleting: boolean;
};

export function graphNode(type: ResourceType, { metadata }: KubeObject): GraphNode {
  return {
    type,
    ref: { name: metadata.name, ...(metadata.namespace !== undefined && { namespace: metadata.namespace }) },
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    owners: metadata.ownerReferences ?? [],
    finalizers: metadata.finalizers ?? [],
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

/** Whether the object only waits for the dependents that block it. */
export function waitsForDependents(node: GraphNode): boolean {
  return node.deleting && node.finalizers.includes(foregroundFinalizer);
}

/** Whether the object only waits until its dependents are let go of. */
export function orphansDependents(node: GraphNode): boolean {
  return node.deleting && node.finalizers.includes(orphanFinalizer);
}

/** Who owns whom, by uid. An owner need not be known itself. */
export class OwnerGraph {
  private readonly nodes = new Map<string, GraphNode>();
  private readonly byOwner = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.nodes.get(uid);
  }

  dependents(uid: string): GraphNode[] {
    return [...(this.byOwner.get(uid) ?? [])].flatMap((dependent) => this.nodes.get(dependent) ?? []);
  }

  set(node: GraphNode): void {
    this.delete(node.uid);
    this.nodes.set(node.uid, node);
    for (const { uid } of node.owners) {
      const dependents = this.byOwner.get(uid) ?? new Set();
      this.byOwner.set(uid, dependents.add(node.uid));
    }
  }

  delete(uid: string): void {
    const node = this.nodes.get(uid);
    this.nodes.delete(uid);
    for (const owner of node?.owners ?? []) {
      const dependents = this.byOwner.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.byOwner.delete(owner.uid);
    }
  }
}
