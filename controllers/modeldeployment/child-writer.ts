import type { ModelDeployment, ResolvedSpec } from '../../src/api/model-deployment.ts';
import type { Clock } from '../../src/core/clock.ts';
import {
  type Draft,
  type EventRecorder,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeClient,
  type KubeObject,
  keyOf,
  type MergePatch,
  type ResourceType,
  type Store,
} from '../../src/kube/index.ts';
import type { ChildPlan } from './child.ts';
import { OwnWrites } from './own-writes.ts';

/** Somebody else's object is looked at again after this long: it may have gone. */
const leaveMs = 5 * 60_000;
/** Who changes one again and again is corrected no oftener than this. */
const correctionMs = 10_000;
/** One that is on its way out. */
const retryMs = 1000;

export type ChildWriterOptions<T extends KubeObject> = {
  readonly client: Pick<KubeClient, 'create' | 'get' | 'mergePatch' | 'delete'>;
  readonly type: ResourceType<T>;
  /** Those that carry our label. */
  readonly children: Pick<Store<T>, 'get'>;
  readonly plan: (deployment: ModelDeployment, spec: ResolvedSpec, existing: T | undefined) => ChildPlan<T>;
  /** The event that tells that somebody else has the name. */
  readonly taken: { readonly reason: string; readonly message: (name: string) => string };
  /** Set where a user's words are in it: what he misspells would be dropped in silence. */
  readonly fieldValidation?: 'Strict' | undefined;
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
  readonly clock: Clock;
};

type Remembered = {
  /** Somebody else's object that has the name. */
  readonly taken?: { readonly uid: string; readonly seenAt: number } | undefined;
  readonly correctedAt?: number;
  /** A correction, and what the server made of it: it may keep the object otherwise than asked, and asking again would not help. */
  readonly settled?: string;
};

/** Keeps the one object of a kind that each deployment has. Writes only what changes one, and never touches somebody else's. */
export class ChildWriter<T extends KubeObject> {
  private readonly options: ChildWriterOptions<T>;
  private readonly writes: OwnWrites<T>;
  private readonly remembered = new Map<string, Remembered>();

  constructor(options: ChildWriterOptions<T>) {
    this.options = options;
    this.writes = new OwnWrites(options.clock);
  }

  /**
   * Brings the object of one deployment up to date. Answers in how many milliseconds to look again though nothing changes,
   * undefined when there is no need. Throws what the server answered to a write that failed.
   */
  async keep(deployment: ModelDeployment, spec: ResolvedSpec, signal: AbortSignal): Promise<number | undefined> {
    const key = keyOf(deployment);
    const plan = this.options.plan(deployment, spec, this.newest(key));
    const waitMs = await this.carryOut(plan, deployment, spec, signal);
    const expiresMs = this.writes.expiresIn(key);
    return waitMs === undefined ? expiresMs : Math.min(waitMs, expiresMs ?? waitMs);
  }

  /** The object as it will be once the cache has caught up. */
  newest(key: string): T | undefined {
    const cached = this.options.children.get(key);
    return this.writes.overlay(key, cached ? [cached] : [])[0];
  }

  /** Whether somebody else's object has the name, as far as was seen last. */
  isTaken(key: string): boolean {
    return this.remembered.get(key)?.taken !== undefined;
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.writes.forget(key);
    this.remembered.delete(key);
  }

  private async carryOut(plan: ChildPlan<T>, deployment: ModelDeployment, spec: ResolvedSpec, signal: AbortSignal) {
    switch (plan.do) {
      case 'nothing':
        if (this.restMs(keyOf(deployment)) <= 0) this.remembered.delete(keyOf(deployment));
        return undefined;
      case 'create':
        return this.create(plan.draft, deployment, spec, signal);
      case 'correct':
        return this.correct(plan.existing, plan.patch, deployment, signal);
      case 'remove':
        return this.remove(plan.existing, deployment, signal);
      case 'leave':
        return this.leave(plan.existing, deployment);
    }
  }

  private async create(draft: Draft<T>, deployment: ModelDeployment, spec: ResolvedSpec, signal: AbortSignal): Promise<number | undefined> {
    const { client, type, plan: planned, fieldValidation } = this.options;
    const key = keyOf(deployment);
    const { taken } = this.remembered.get(key) ?? {};
    const restMs = taken ? taken.seenAt + leaveMs - this.now() : 0;
    if (restMs > 0) return restMs;
    const existing = taken && (await this.find(deployment, signal));
    if (existing) return this.leave(existing, deployment);
    try {
      this.writes.written(key, await client.create(type, draft, { signal, fieldValidation }));
      this.remembered.delete(key);
      return undefined;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const found = await this.find(deployment, signal);
    if (!found) return retryMs;
    const plan = planned(deployment, spec, found);
    if (plan.do !== 'nothing') return this.carryOut(plan, deployment, spec, signal);
    if (found.metadata.deletionTimestamp !== undefined) return retryMs;
    this.writes.written(key, found); // an earlier creation succeeded without telling
    return undefined;
  }

  private async correct(existing: T, patch: MergePatch<T>, deployment: ModelDeployment, signal: AbortSignal): Promise<number | undefined> {
    const { namespace, name } = existing.metadata;
    const key = keyOf(deployment);
    if (this.remembered.get(key)?.settled === fingerprint(existing, patch)) return undefined;
    const restMs = this.restMs(key);
    if (restMs > 0) return restMs;
    const { client, type, fieldValidation } = this.options;
    try {
      const stored = await client.mergePatch<T>(type, { namespace, name }, patch, { signal, fieldValidation });
      this.writes.written(key, stored);
      this.remembered.set(key, { correctedAt: this.now(), settled: fingerprint(stored, patch) });
    } catch (error) {
      // It changed or went meanwhile: the cache will tell.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    return undefined;
  }

  private async remove(existing: T, deployment: ModelDeployment, signal: AbortSignal): Promise<undefined> {
    const { namespace, name, uid } = existing.metadata;
    try {
      await this.options.client.delete(this.options.type, { namespace, name }, { uid, signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    this.writes.removed(keyOf(deployment), existing);
  }

  /** Tells once that the name is taken. Our informer does not see others' budgets, so we look again from time to time. */
  private leave({ metadata: { name, uid = '' } }: T, deployment: ModelDeployment): number {
    const { taken, events } = this.options;
    const key = keyOf(deployment);
    if (this.remembered.get(key)?.taken?.uid !== uid) events?.event(deployment, 'Warning', taken.reason, taken.message(name));
    this.remembered.set(key, { taken: { uid, seenAt: this.now() } });
    return leaveMs;
  }

  private async find({ metadata: { namespace, name } }: ModelDeployment, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.options.client.get(this.options.type, { namespace, name }, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** How long it is too early for another correction. */
  private restMs(key: string): number {
    return (this.remembered.get(key)?.correctedAt ?? Number.NEGATIVE_INFINITY) + correctionMs - this.now();
  }

  private now(): number {
    return this.options.clock.now();
  }
}

/** All of an object that a correction is about, and the correction; versions and the status change without either. */
function fingerprint<T extends KubeObject>({ metadata: { labels, ownerReferences }, ...object }: T, patch: MergePatch<T>): string {
  return JSON.stringify([{ ...object, status: undefined }, labels, ownerReferences, patch], (name, value) =>
    name === 'resourceVersion' ? undefined : value,
  );
}
