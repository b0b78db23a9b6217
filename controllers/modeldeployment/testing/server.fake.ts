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

/** A pod as it was stored, or as it was when it went. */
export type PodChange = { readonly pod: Pod; readonly gone: boolean };

/** What a server stores of one deployment, and what it does with writes to it: versions, preconditions, finalizers, garbage collection. */
export class ServerFake {
  deployment: ModelDeployment | undefined;
  readonly pods = new Map<string, Pod>();
  readonly claims = new Map<string, KubeObject>();
  readonly statusWrites: NonNullable<ModelDeployment['status']>[] = [];
  /** Every write that was done, such as `create qwen-aaaaa`. */
  readonly log: string[] = [];
  /** Writes that were asked for, also those that were refused. */
  requests = 0;
  /** What a watch of the pods tells, oldest first. */
  readonly changes: PodChange[] = [];
  /** Deleted pods stay, terminating, until `end`. */
  graceful = false;
  onCreate: (object: Pod) => void = () => {};
  /** Called before every write; throws to have it fail. */
  beforeWrite: () => void = () => {};
  /** Called after every write, before it is answered; throws to have the answer lost. */
  afterWrite: () => void = () => {};
  private readonly clock: Clock;
  private version = 1;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  put(pod: Pod): Pod {
    const stored = { ...pod, metadata: { ...pod.metadata, resourceVersion: this.nextVersion() } };
    this.pods.set(pod.metadata.name, stored);
    this.changes.push({ pod: stored, gone: false });
    return stored;
  }

  /** The last container of a terminating pod has ended. */
  end(name: string): void {
    const pod = this.pods.get(name);
    if (pod) this.changes.push({ pod, gone: true });
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
    return {
      create: (type: ResourceType, draft: Pod) => this.write(`create ${draft.metadata.name}`, () => this.create(type, draft)),
      get: async (type: ResourceType, { name }: Named) => {
        const found = type.kind === 'ModelDeployment' ? this.deployment : this.storeOf(type).get(name);
        if (!found) throw answer(404, 'NotFound');
        return found;
      },
      delete: (_: ResourceType, { name }: Named, { uid }: { readonly uid?: string }) =>
        this.write(`delete ${name}`, () => {
          this.require(name, uid);
          this.deletePod(name);
        }),
      mergePatch: (type: ResourceType, { name }: Named, patch: Patch) =>
        this.write(`patch ${name}`, () => (type.kind === 'Pod' ? this.patchPod(name, patch) : this.patchDeployment(patch))),
      apply: (_: ResourceType, intent: { readonly status: NonNullable<ModelDeployment['status']> }) =>
        this.write(undefined, () => {
          if (!this.deployment) throw answer(404, 'NotFound');
          this.statusWrites.push(intent.status);
          return this.putDeployment({ ...this.deployment, status: intent.status });
        }),
    };
  }

  private async write<T>(line: string | undefined, work: () => T): Promise<T> {
    this.requests += 1;
    this.beforeWrite();
    const stored = work();
    if (line !== undefined) this.log.push(line);
    this.afterWrite();
    return stored;
  }

  private create(type: ResourceType, draft: Pod): KubeObject {
    const { name } = draft.metadata;
    if (this.storeOf(type).has(name)) throw answer(409, 'AlreadyExists');
    const identity = { uid: `uid-${name}`, resourceVersion: this.nextVersion(), creationTimestamp: this.timestamp() };
    const created = { ...draft, metadata: { ...draft.metadata, ...identity } };
    this.onCreate(created);
    if (type.kind === 'Pod') return this.put(created);
    this.claims.set(name, created);
    return created;
  }

  private storeOf({ kind }: ResourceType): Map<string, KubeObject> {
    return kind === 'Pod' ? this.pods : this.claims;
  }

  private require(name: string, uid: string | undefined): Pod {
    const pod = this.pods.get(name);
    if (!pod) throw answer(404, 'NotFound');
    if (uid !== pod.metadata.uid) throw answer(409, 'Conflict');
    return pod;
  }

  private patchPod(name: string, { metadata: { uid, annotations = {} } }: Patch): Pod {
    const pod = this.require(name, uid);
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
