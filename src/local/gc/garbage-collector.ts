import type { OwnerReference } from 'kubernetes-types/meta/v1.d.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import {
  Controller,
  customResourceDefinitions,
  done,
  isNotFound,
  type KubeClient,
  type KubeObject,
  namespaces,
  type ResourceType,
  type Result,
  requeueAfter,
  WorkQueue,
} from '../../kube/index.ts';
import { judge, type OwnerState } from './decide.ts';
import { collectableTypes, resourceKey, typeOfReference } from './discovery.ts';
import { GraphInformers } from './graph-informers.ts';
import { finalizeNamespace } from './namespace.ts';
import {
  foregroundFinalizer,
  type GraphNode,
  graphNode,
  OwnerGraph,
  orphanFinalizer,
  orphansDependents,
  waitsForDependents,
} from './owner-graph.ts';

export type GarbageCollectorOptions = {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly clock: Clock;
};

const syncPollMs = 100;
const unknownKindMs = 30_000;
const rememberedGone = 1_000;
const concurrency = 4;
const allKinds = 'all';

/**
 * Deletes what no owner keeps any more (background, foreground and orphan deletion) and empties namespaces that are being deleted,
 * over every kind that the server serves, custom ones as they come.
 */
export class GarbageCollector {
  readonly name = 'garbage-collector';
  private readonly options: GarbageCollectorOptions;
  private readonly graph = new OwnerGraph();
  private readonly informers: GraphInformers;
  /** Uids of objects to look at. */
  private readonly queue: WorkQueue;
  /** Holds one key: any change of a CustomResourceDefinition means looking at the whole list of kinds again. */
  private readonly kinds: WorkQueue;
  private readonly namespaces: WorkQueue;
  /** Uids that were seen to go: they never come back, so nobody need ask. */
  private readonly gone = new Set<string>();

  constructor(options: GarbageCollectorOptions) {
    const { client, clock, logger } = options;
    this.options = options;
    this.queue = new WorkQueue({ clock });
    this.kinds = new WorkQueue({ clock });
    this.namespaces = new WorkQueue({ clock });
    const listener = {
      changed: (type: ResourceType, object: KubeObject) => {
        this.notice(type, object);
        this.changed(graphNode(type, object));
      },
      deleted: (type: ResourceType, object: KubeObject) => {
        this.notice(type, object);
        this.deleted(graphNode(type, object));
      },
    };
    this.informers = new GraphInformers({ client, listener, clock, logger });
  }

  /** Collects until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, logger, clock } = this.options;
    const common = { logger, clock, sources: [] };
    const controllers = [
      new Controller({
        ...common,
        name: 'garbage-collector-kinds',
        queue: this.kinds,
        reconcile: (_, context) => this.followKinds(context.signal),
      }),
      new Controller({
        ...common,
        name: this.name,
        queue: this.queue,
        concurrency,
        reconcile: (uid, context) => this.collect(uid, context.signal),
      }),
      new Controller({
        ...common,
        name: 'namespace',
        queue: this.namespaces,
        reconcile: (name, context) => finalizeNamespace(client, name, clock.now(), context.signal),
      }),
    ];
    try {
      this.kinds.add(allKinds);
      await Promise.all(controllers.map((controller) => controller.start(signal)));
    } finally {
      await this.informers.stop();
    }
  }

  /** Some kinds matter beyond their owners. */
  private notice(type: ResourceType, { metadata }: KubeObject): void {
    if (resourceKey(type) === resourceKey(customResourceDefinitions)) this.kinds.add(allKinds);
    if (resourceKey(type) === resourceKey(namespaces) && metadata.deletionTimestamp !== undefined) this.namespaces.add(metadata.name);
  }

  private async followKinds(signal: AbortSignal): Promise<Result> {
    await this.informers.follow(await collectableTypes(this.options.client, signal));
    return done();
  }

  private changed(node: GraphNode): void {
    const before = this.graph.get(node.uid);
    this.graph.set(node);
    const ownersBefore = JSON.stringify(before?.owners ?? []);
    const sameOwners = ownersBefore === JSON.stringify(node.owners);
    if (before && sameOwners && before.deleting === node.deleting && before.finalizers.join() === node.finalizers.join()) return;
    if (node.owners.length > 0 || node.deleting) this.queue.add(node.uid);
    // An owner that waits for its dependents may have one less that blocks it.
    if (!sameOwners) for (const { uid } of [...(before?.owners ?? []), ...node.owners]) this.queue.add(uid);
  }

  private deleted(node: GraphNode): void {
    this.graph.delete(node.uid);
    this.gone.add(node.uid);
    for (const oldest of this.gone) {
      if (this.gone.size <= rememberedGone) break;
      this.gone.delete(oldest);
    }
    for (const { uid } of [...this.graph.dependents(node.uid), ...node.owners]) this.queue.add(uid);
  }

  private async collect(uid: string, signal: AbortSignal): Promise<Result> {
    const node = this.graph.get(uid);
    if (!node) return done();
    if (orphansDependents(node)) return this.orphan(node, signal);
    if (waitsForDependents(node)) return this.awaitDependents(node, signal);
    return this.collectDependent(node, signal);
  }

  /** Lets go of the dependents of an owner that is deleted alone. */
  private async orphan(owner: GraphNode, signal: AbortSignal): Promise<Result> {
    if (!this.informers.synced) return requeueAfter(syncPollMs);
    await Promise.all(this.graph.dependents(owner.uid).map((dependent) => this.release(dependent, [owner.uid], signal)));
    await this.removeFinalizer(owner, orphanFinalizer, signal);
    return done();
  }

  /** Lets an owner go when no dependent blocks it any more. */
  private async awaitDependents(owner: GraphNode, signal: AbortSignal): Promise<Result> {
    if (!this.informers.synced) return requeueAfter(syncPollMs);
    const blocks = ({ uid, blockOwnerDeletion }: OwnerReference) => uid === owner.uid && blockOwnerDeletion === true;
    const blocking = this.graph.dependents(owner.uid).filter(({ owners }) => owners.some(blocks));
    if (blocking.length === 0) await this.removeFinalizer(owner, foregroundFinalizer, signal);
    for (const { uid, deleting } of blocking) if (!deleting) this.queue.add(uid);
    return done();
  }

  private async collectDependent(node: GraphNode, signal: AbortSignal): Promise<Result> {
    if (node.deleting || node.owners.length === 0) return done();
    const states = new Map<string, OwnerState>();
    for (const owner of node.owners) {
      const state = await this.ownerState(node, owner, signal);
      if (state === undefined) return requeueAfter(unknownKindMs);
      states.set(owner.uid, state);
    }
    const verdict = judge(node, states, this.graph.dependents(node.uid).length > 0);
    if (verdict.do === 'release') await this.release(node, verdict.owners, signal);
    if (verdict.do === 'delete') await this.delete(node, verdict.policy, signal);
    return done();
  }

  /** What the owner is to its dependent; undefined when its kind is not served, so that nobody can tell. */
  private async ownerState(node: GraphNode, owner: OwnerReference, signal: AbortSignal): Promise<OwnerState | undefined> {
    if (this.gone.has(owner.uid)) return 'absent';
    const known = this.graph.get(owner.uid);
    const reachable = known && (known.ref.namespace === undefined || known.ref.namespace === node.ref.namespace);
    if (reachable && known.type.kind === owner.kind && known.ref.name === owner.name)
      return waitsForDependents(known) ? 'waiting' : 'present';
    // Not in the cache is no proof: ask. An owner in another namespace is none (Kubernetes 1.20).
    const type = typeOfReference(this.informers.types, owner);
    if (!type) return undefined;
    if (type.namespaced && node.ref.namespace === undefined) return 'absent';
    try {
      const namespace = type.namespaced ? node.ref.namespace : undefined;
      const found = await this.options.client.get(type, { namespace, name: owner.name }, { signal });
      return found.metadata.uid === owner.uid ? 'present' : 'absent';
    } catch (error) {
      if (isNotFound(error)) return 'absent';
      throw error;
    }
  }

  private async delete(node: GraphNode, propagationPolicy: 'Background' | 'Foreground' | 'Orphan', signal: AbortSignal): Promise<void> {
    const { client, logger } = this.options;
    const { uid, resourceVersion } = node; // whoever gave it another owner since wins
    logger.debug({ kind: node.type.kind, ...node.ref, propagationPolicy }, 'deleting an object that no owner keeps');
    await unlessGone(client.delete(node.type, node.ref, { uid, resourceVersion, propagationPolicy, signal }));
  }

  private async release(node: GraphNode, owners: readonly string[], signal: AbortSignal): Promise<void> {
    const ownerReferences = node.owners.filter(({ uid }) => !owners.includes(uid));
    await this.patchMetadata(node, { ownerReferences: ownerReferences.length > 0 ? ownerReferences : null }, signal);
  }

  private async removeFinalizer(node: GraphNode, finalizer: string, signal: AbortSignal): Promise<void> {
    const finalizers = node.finalizers.filter((one) => one !== finalizer);
    await this.patchMetadata(node, { finalizers: finalizers.length > 0 ? finalizers : null }, signal);
  }

  /** Lists are replaced whole by a merge patch (k/k#111643), so only from the version that was read. */
  private async patchMetadata(
    node: GraphNode,
    change: { finalizers?: string[] | null; ownerReferences?: OwnerReference[] | null },
    signal: AbortSignal,
  ): Promise<void> {
    const metadata = { uid: node.uid, resourceVersion: node.resourceVersion, ...change };
    await unlessGone(this.options.client.mergePatch(node.type, node.ref, { metadata }, { signal }));
  }
}

/** What has gone already needs no more. */
async function unlessGone(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
