import type { ModelDeployment } from '../../../src/api/model-deployment.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { ApiError, type KubeObject, type Pod, type ResourceType } from '../../../src/kube/index.ts';

/** The server refuses a request. */
export const answer = (code: number, reason: string, message = `it is ${reason}`) =>
  new ApiError({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message });

type Named = { readonly name: string };
type Patch = {
  readonly metadata: {
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly finalizers?: string[];
    readonly annotations?: Readonly<Record<string, string | null>>;
  };
};

/** What a server stores of one deployment, and what it does with writes to it: versions, preconditions, finalizers, garbage collection. */
export class ServerFake {
  deployment: ModelDeployment | undefined;
  readonly pods = new Map<string, Pod>();
  readonly claims = new Map<string, KubeObject>();
  readonly statusWrites: NonNullable<ModelDeployment['status']>[] = [];
  /** Every write that was done, such as `create qwen-aaaaa`. */
  readonly log: string[] = [];
  /** UIDs of pods that went, oldest first: what a watch tells. */
  readonly gone: string[] = [];
  /** Deleted pods stay, terminating, until `end`. */
  graceful = false;
  onCreate: (object: Pod) => void = () => {};
  /** Called before every write; throws to have it fail. */
  beforeWrite: () => void = () => {};
  private readonly clock: Clock;
  private version = 1;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  put(pod: Pod): Pod {
    const stored = { ...pod, metadata: { ...pod.metadata, resourceVersion: this.nextVersion() } };
    this.pods.set(pod.metadata.name, stored);
    return stored;
  }

  /** The last container of a terminating pod has ended. */
  end(name: string): void {
    this.gone.push(this.pods.get(name)?.metadata.uid ?? '');
    this.pods.delete(name);
  }

  putDeployment(deployment: ModelDeployment): ModelDeployment {
    this.deployment = { ...deployment, metadata: { ...deployment.metadata, resourceVersion: this.nextVersion() } };
    return this.deployment;
  }

  /** Deletes as kubectl does, and as the garbage collector does with the pods. */
  deleteDeployment(how: 'background' | 'foreground' | 'orphan'): void {
    if (!this.deployment) return;
    const { metadata } = this.deployment;
    const finalizers = [
      ...(metadata.finalizers ?? []),
      ...(how === 'background' ? [] : [how === 'orphan' ? 'orphan' : 'foregroundDeletion']),
    ];
    this.putDeployment({ ...this.deployment, metadata: { ...metadata, finalizers, deletionTimestamp: this.timestamp() } });
    if (how === 'foreground') for (const name of [...this.pods.keys()]) this.deletePod(name);
    this.collect();
  }

  /** Removes a finalizer, as its owner does when it is done. */
  finish(finalizer: string): void {
    if (!this.deployment) return;
    const finalizers = this.deployment.metadata.finalizers?.filter((name) => name !== finalizer) ?? [];
    this.putDeployment({ ...this.deployment, metadata: { ...this.deployment.metadata, finalizers } });
    this.collect();
  }

  deletePod(name: string): void {
    const pod = this.pods.get(name);
    if (!pod) return;
    const graceMs = 1000 * (pod.spec?.terminationGracePeriodSeconds ?? 0);
    if (!this.graceful) this.end(name);
    else if (!pod.metadata.deletionTimestamp)
      this.put({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: this.timestamp(graceMs) } });
  }

  client() {
    const storeOf = ({ kind }: ResourceType): Map<string, KubeObject> => (kind === 'Pod' ? this.pods : this.claims);
    return {
      create: async (type: ResourceType, draft: Pod) => {
        const { name } = draft.metadata;
        this.beforeWrite();
        if (storeOf(type).has(name)) throw answer(409, 'AlreadyExists');
        const identity = { uid: `uid-${name}`, resourceVersion: this.nextVersion(), creationTimestamp: this.timestamp() };
        const created = { ...draft, metadata: { ...draft.metadata, ...identity } };
        this.onCreate(created);
        storeOf(type).set(name, created);
        this.log.push(`create ${name}`);
        return created;
      },
      get: async (type: ResourceType, { name }: Named) => {
        const found = type.kind === 'ModelDeployment' ? this.deployment : storeOf(type).get(name);
        if (!found) throw answer(404, 'NotFound');
        return found;
      },
      delete: async (_: ResourceType, { name }: Named, { uid }: { readonly uid?: string }) => {
        this.beforeWrite();
        const pod = this.pods.get(name);
        if (!pod) throw answer(404, 'NotFound');
        if (uid !== pod.metadata.uid) throw answer(409, 'Conflict');
        this.deletePod(name);
        this.log.push(`delete ${name}`);
      },
      mergePatch: async (type: ResourceType, { name }: Named, patch: Patch) => {
        this.beforeWrite();
        const patched = type.kind === 'Pod' ? this.patchPod(name, patch) : this.patchDeployment(patch);
        this.log.push(`patch ${name}`);
        return patched;
      },
      apply: async (_: ResourceType, intent: { readonly status: NonNullable<ModelDeployment['status']> }) => {
        this.beforeWrite();
        if (!this.deployment) throw answer(404, 'NotFound');
        this.statusWrites.push(intent.status);
        return this.putDeployment({ ...this.deployment, status: intent.status });
      },
    };
  }

  private patchPod(name: string, { metadata: { uid, annotations = {} } }: Patch): Pod {
    const pod = this.pods.get(name);
    if (!pod) throw answer(404, 'NotFound');
    if (uid !== pod.metadata.uid) throw answer(409, 'Conflict');
    const merged = Object.entries({ ...pod.metadata.annotations, ...annotations }).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    );
    return this.put({ ...pod, metadata: { ...pod.metadata, annotations: Object.fromEntries(merged) } });
  }

  private patchDeployment({ metadata: { resourceVersion, finalizers } }: Patch): ModelDeployment {
    if (!this.deployment) throw answer(404, 'NotFound');
    if (resourceVersion !== this.deployment.metadata.resourceVersion) throw answer(409, 'Conflict');
    const patched = this.putDeployment({
      ...this.deployment,
      metadata: { ...this.deployment.metadata, ...(finalizers && { finalizers }) },
    });
    this.collect();
    return patched;
  }

  /** What nothing keeps any more goes, and with it what it owned. */
  private collect(): void {
    const { deletionTimestamp, finalizers = [] } = this.deployment?.metadata ?? {};
    if (!deletionTimestamp || finalizers.some((name) => name !== 'foregroundDeletion' || this.pods.size > 0)) return;
    this.deployment = undefined;
    for (const name of [...this.pods.keys()]) this.deletePod(name);
  }

  private timestamp(inMs = 0): string {
    return new Date(this.clock.now() + inMs).toISOString();
  }

  private nextVersion(): string {
    this.version += 1;
    return String(this.version);
  }
}
