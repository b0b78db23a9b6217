import type { ModelDeployment, ResolvedSpec } from '../../src/api/model-deployment.ts';
import type { Clock } from '../../src/core/clock.ts';
import {
  type Draft,
  type EventRecorder,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeClient,
  keyOf,
  type MergePatch,
  type Store,
} from '../../src/kube/index.ts';
import { type BudgetPlan, type PodDisruptionBudget, planBudget, podDisruptionBudgets } from './disruption-budget.ts';
import { OwnWrites } from './own-writes.ts';

/** Somebody else's budget is looked at again after this long: it may have gone. */
const leaveMs = 5 * 60_000;
/** Who changes a budget again and again is corrected no oftener than this. */
const correctionMs = 10_000;
/** One that is on its way out. */
const retryMs = 1000;

export type BudgetWriterOptions = {
  readonly client: Pick<KubeClient, 'create' | 'get' | 'mergePatch' | 'delete'>;
  readonly budgets: Pick<Store<PodDisruptionBudget>, 'get'>;
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
  readonly clock: Clock;
};

type Remembered = {
  /** Somebody else's budget that has the name. */
  readonly taken?: { readonly uid: string; readonly seenAt: number } | undefined;
  readonly correctedAt?: number;
};

/** Keeps the PodDisruptionBudgets of deployments. Writes only what changes one, and never touches somebody else's. */
export class BudgetWriter {
  private readonly options: BudgetWriterOptions;
  private readonly writes: OwnWrites<PodDisruptionBudget>;
  private readonly remembered = new Map<string, Remembered>();

  constructor(options: BudgetWriterOptions) {
    this.options = options;
    this.writes = new OwnWrites(options.clock);
  }

  /**
   * Brings the budget of one deployment up to date. Answers in how many milliseconds to look again though nothing changes,
   * undefined when there is no need. Throws what the server answered to a write that failed.
   */
  async keep(deployment: ModelDeployment, spec: ResolvedSpec, signal: AbortSignal): Promise<number | undefined> {
    const key = keyOf(deployment);
    const cached = this.options.budgets.get(key);
    const [existing] = this.writes.overlay(key, cached ? [cached] : []);
    const plan = planBudget(deployment, spec, existing);
    const waitMs = await this.carryOut(plan, deployment, spec, signal);
    const expiresMs = this.writes.expiresIn(key);
    return waitMs === undefined ? expiresMs : Math.min(waitMs, expiresMs ?? waitMs);
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.writes.forget(key);
    this.remembered.delete(key);
  }

  private async carryOut(plan: BudgetPlan, deployment: ModelDeployment, spec: ResolvedSpec, signal: AbortSignal) {
    switch (plan.do) {
      case 'nothing':
        if (this.restMs(keyOf(deployment)) <= 0) this.remembered.delete(keyOf(deployment));
        return undefined;
      case 'create':
        return this.create(plan.draft, deployment, spec, signal);
      case 'correct':
        return this.correct(plan.budget, plan.patch, deployment, signal);
      case 'remove':
        return this.remove(plan.budget, deployment, signal);
      case 'leave':
        return this.leave(plan.budget, deployment);
    }
  }

  private async create(
    draft: Draft<PodDisruptionBudget>,
    deployment: ModelDeployment,
    spec: ResolvedSpec,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const key = keyOf(deployment);
    const { taken } = this.remembered.get(key) ?? {};
    const restMs = taken ? taken.seenAt + leaveMs - this.now() : 0;
    if (restMs > 0) return restMs;
    const existing = taken && (await this.find(deployment, signal));
    if (existing) return this.leave(existing, deployment);
    try {
      this.writes.written(key, await this.options.client.create(podDisruptionBudgets, draft, { signal }));
      return undefined;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const found = await this.find(deployment, signal);
    if (!found) return retryMs;
    const plan = planBudget(deployment, spec, found);
    if (plan.do !== 'nothing') return this.carryOut(plan, deployment, spec, signal);
    if (found.metadata.deletionTimestamp !== undefined) return retryMs;
    this.writes.written(key, found); // an earlier creation succeeded without telling
    return undefined;
  }

  private async correct(
    { metadata: { namespace, name } }: PodDisruptionBudget,
    patch: MergePatch<PodDisruptionBudget>,
    deployment: ModelDeployment,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const key = keyOf(deployment);
    const restMs = this.restMs(key);
    if (restMs > 0) return restMs;
    try {
      this.writes.written(
        key,
        await this.options.client.mergePatch<PodDisruptionBudget>(podDisruptionBudgets, { namespace, name }, patch, { signal }),
      );
      this.remembered.set(key, { correctedAt: this.now() });
    } catch (error) {
      // It changed or went meanwhile: the cache will tell.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    return undefined;
  }

  private async remove(budget: PodDisruptionBudget, deployment: ModelDeployment, signal: AbortSignal): Promise<undefined> {
    const { namespace, name, uid } = budget.metadata;
    try {
      await this.options.client.delete(podDisruptionBudgets, { namespace, name }, { uid, signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    this.writes.removed(keyOf(deployment), budget);
  }

  /** Tells once that the name is taken. Our informer does not see others' budgets, so we look again from time to time. */
  private leave({ metadata: { name, uid = '' } }: PodDisruptionBudget, deployment: ModelDeployment): number {
    const key = keyOf(deployment);
    if (this.remembered.get(key)?.taken?.uid !== uid)
      this.options.events?.event(
        deployment,
        'Warning',
        'DisruptionBudgetTaken',
        `A PodDisruptionBudget ${name} exists that is not this deployment's: it is left alone and its replicas are not protected by one of their own. Rename or delete it.`,
      );
    this.remembered.set(key, { taken: { uid, seenAt: this.now() } });
    return leaveMs;
  }

  private async find({ metadata: { namespace, name } }: ModelDeployment, signal: AbortSignal): Promise<PodDisruptionBudget | undefined> {
    try {
      return await this.options.client.get(podDisruptionBudgets, { namespace, name }, { signal });
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
