import { isAsleep } from '../../src/api/asleep.ts';
import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { labels, modelDeploymentResource } from '../../src/api/resources.ts';
import type { Logger } from '../../src/core/logger.ts';
import { type Informer, type InformerCache, keyOf, owns, type Selection, type Source } from '../../src/kube/index.ts';
import type { DemandWatch } from '../demand/demand-watch.ts';
import type { Acceptance } from '../modeldeployment/acceptance.ts';
import type { Replica } from '../modeldeployment/replica.ts';
import { horizontalPodAutoscalers } from './autoscaler.ts';
import { AutoscalerKeeper, type AutoscalerKeeperOptions } from './autoscaler-keeper.ts';
import type { ScalingMetrics } from './metrics.ts';
import type { ScalingView } from './report.ts';
import { Silence } from './silence.ts';
import { Sleeper, type SleeperOptions } from './sleeper.ts';
import { wakeSource } from './wake-source.ts';

export type ScalingOptions = Pick<AutoscalerKeeperOptions, 'events' | 'clock'> & {
  readonly client: AutoscalerKeeperOptions['client'] & SleeperOptions['client'];
  /** Without it nothing is woken and nothing put to sleep. */
  readonly demand?: Pick<DemandWatch, 'of' | 'all' | 'subscribe'> | undefined;
  readonly metrics?: ScalingMetrics | undefined;
};

/** What scaling must know of a deployment. */
type ScalingSeen = {
  readonly deployment: ModelDeployment;
  readonly ending: boolean;
  readonly acceptance: Acceptance;
  readonly replicas: readonly Replica[];
};

/** All that scales deployments: their autoscalers from one to many, and between zero and one the controller itself. */
export class Scaling {
  readonly sources: readonly Source[];
  private readonly demand: ScalingOptions['demand'];
  private readonly keeper: AutoscalerKeeper;
  private readonly sleeper: Sleeper | undefined;

  /** The informers of `cache` must run. */
  constructor(
    cache: InformerCache,
    scope: Pick<Selection, 'namespace'>,
    deployments: Pick<Informer<ModelDeployment>, 'store'>,
    options: ScalingOptions,
  ) {
    const { demand, clock } = options;
    const autoscalers = cache.informer(horizontalPodAutoscalers, { ...scope, labelSelector: `${labels.managedBy}=modelfleet` });
    this.demand = demand;
    this.keeper = new AutoscalerKeeper({ ...options, autoscalers: autoscalers.store });
    const silence = demand && new Silence(demand, clock);
    this.sleeper = demand && silence && new Sleeper({ ...options, demand, silence });
    const sleeps = (key: string) => {
      const deployment = deployments.store.get(key);
      return deployment !== undefined && isAsleep(deployment);
    };
    this.sources = [
      owns(autoscalers, modelDeploymentResource),
      ...(demand ? [wakeSource(demand, sleeps)] : []),
      ...(silence ? [silence.source()] : []),
    ];
  }

  /** Puts it to sleep or wakes it: see Sleeper. */
  async turn(seen: ScalingSeen, logger: Logger, signal: AbortSignal): ReturnType<Sleeper['turn']> {
    return (await this.sleeper?.turn(seen, logger, signal)) ?? { written: false };
  }

  /** Keeps its autoscaler: see AutoscalerKeeper. */
  async keep({ deployment, ending, acceptance }: Omit<ScalingSeen, 'replicas'>, signal: AbortSignal): Promise<number | undefined> {
    if (ending || !acceptance.accepted) return undefined;
    return this.keeper.keep(deployment, acceptance.spec, signal);
  }

  view(deployment: ModelDeployment): ScalingView {
    return { ...this.keeper.view(deployment), demand: this.demand?.of(keyOf(deployment)) };
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.keeper.forget(key);
    this.sleeper?.forget(key);
  }
}
