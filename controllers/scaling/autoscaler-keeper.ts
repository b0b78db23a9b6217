import type { ModelDeployment, ResolvedSpec } from '../../src/api/model-deployment.ts';
import type { Clock } from '../../src/core/clock.ts';
import { Failure } from '../../src/core/failure.ts';
import { type EventRecorder, type KubeClient, keyOf, type Store } from '../../src/kube/index.ts';
import { ChildWriter } from '../modeldeployment/child-writer.ts';
import { refusalOf } from '../modeldeployment/refusal.ts';
import { Refusals } from '../modeldeployment/refusals.ts';
import { type HorizontalPodAutoscaler, horizontalPodAutoscalers } from './autoscaler.ts';
import { planAutoscaler } from './autoscaler-plan.ts';
import type { ScalingView } from './report.ts';

export type AutoscalerKeeperOptions = {
  readonly client: Pick<KubeClient, 'create' | 'get' | 'mergePatch' | 'delete'>;
  /** Those that carry our label. */
  readonly autoscalers: Pick<Store<HorizontalPodAutoscaler>, 'get'>;
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
  readonly clock: Clock;
};

const taken = {
  reason: 'HPANameTaken',
  message: (name: string) =>
    `A HorizontalPodAutoscaler ${name} exists that is not this deployment's: it is left alone, and spec.scaling does nothing but wake and let sleep. Rename or delete it, or remove spec.scaling.`,
};

/** Keeps the HorizontalPodAutoscalers of deployments as their specs say. */
export class AutoscalerKeeper {
  private readonly writer: ChildWriter<HorizontalPodAutoscaler>;
  private readonly refusals: Refusals;

  constructor({ autoscalers, ...options }: AutoscalerKeeperOptions) {
    const type = horizontalPodAutoscalers;
    this.writer = new ChildWriter({ ...options, type, children: autoscalers, plan: planAutoscaler, taken, fieldValidation: 'Strict' });
    this.refusals = new Refusals(options.clock);
  }

  /**
   * Brings the autoscaler of one deployment up to date. Answers in how many milliseconds to look again though nothing changes,
   * undefined when there is no need. Throws what the server answered to a write that failed, unless somebody must change something.
   */
  async keep(deployment: ModelDeployment, spec: ResolvedSpec, signal: AbortSignal): Promise<number | undefined> {
    const key = keyOf(deployment);
    const situation = situationOf(deployment);
    if (this.refusals.holds(key, situation)) return this.refusals.waitMs(key);
    try {
      const dueMs = await this.writer.keep(deployment, spec, signal);
      this.refusals.forget(key);
      return dueMs;
    } catch (error) {
      const refusal = refusalOf(error);
      if (!(refusal instanceof Failure)) throw error;
      this.refusals.note(key, situation, refusal);
      return this.refusals.waitMs(key);
    }
  }

  /** The autoscaler of a deployment, and why there is none of ours. */
  view(deployment: ModelDeployment): Pick<ScalingView, 'autoscaler' | 'trouble'> {
    const key = keyOf(deployment);
    const refusal = this.refusals.current(key, situationOf(deployment));
    const trouble = refusal
      ? { reason: 'HPARefused', message: `The HorizontalPodAutoscaler could not be written: ${refusal.message}` }
      : this.writer.isTaken(key)
        ? { reason: taken.reason, message: taken.message(deployment.metadata.name) }
        : undefined;
    return { autoscaler: this.writer.newest(key), trouble };
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.writer.forget(key);
    this.refusals.forget(key);
  }
}

function situationOf({ metadata: { uid, generation } }: ModelDeployment): string {
  return `${uid} ${generation}`;
}
