import type { MetricName } from '../../api/fleet-metrics.ts';
import type { ReplicaStatus } from '../../api/model-deployment.ts';
import { annotations } from '../../api/resources.ts';
import { type Condition, findCondition } from '../../kube/index.ts';
import { type MetricReading, type Recommendation, recommend, toleranceOf } from '../../local/autoscaler/recommend.ts';
import type { Autoscaler } from './autoscaler.ts';
import type { Chain } from './chain.ts';

export const requestsInSystem: MetricName = 'modelfleet_requests_in_system';

type Scaling = NonNullable<Chain['spec']['scaling']>;

/** An autoscaler of the deployment's own that has looked at it, and can be followed. */
export type Acting = Autoscaler & {
  readonly wish: Exclude<Autoscaler['wish'], string>;
  readonly seen: NonNullable<Autoscaler['seen']>;
};

/** What follows from a chain, for sentences about it. */
export type Facts = {
  readonly chain: Chain;
  readonly name: string;
  readonly namespace: string;
  /** `spec.replicas`. */
  readonly replicas: number;
  readonly ready: number;
  readonly loading: readonly ReplicaStatus[];
  /** Failed or stalled. */
  readonly broken: readonly ReplicaStatus[];
  readonly draining: number;
  /** Since when it is let sleep; undefined when it is not. */
  readonly asleepSince: number | undefined;
  /** Nobody has acted on the deployment yet. */
  readonly fresh: boolean;
  /** Requests in the system, as far as known now. */
  readonly demand: number | undefined;
  readonly waiting: number | undefined;
  readonly scalingActive: Condition | undefined;
};

/** Draws the facts from a chain. */
export function factsOf(chain: Chain): Facts {
  const { deployment, spec, inSystem, waiting } = chain;
  const { metadata, status } = deployment;
  const all = status?.replicaStatuses ?? [];
  const since = metadata.annotations?.[annotations.asleep];
  return {
    chain,
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    replicas: spec.replicas,
    ready: status?.readyReplicas ?? 0,
    loading: all.filter(({ phase }) => !['Ready', 'Draining', 'Stalled', 'Failed'].includes(phase)),
    broken: all.filter(({ phase }) => phase === 'Stalled' || phase === 'Failed'),
    draining: all.filter(({ phase }) => phase === 'Draining').length,
    asleepSince: spec.replicas === 0 && since !== undefined ? Date.parse(since) : undefined,
    fresh: status?.observedGeneration === undefined,
    demand: inSystem.kind === 'value' ? inSystem.value : undefined,
    waiting: waiting.kind === 'value' ? waiting.value : undefined,
    scalingActive: findCondition(status?.conditions ?? [], 'ScalingActive'),
  };
}

/** Whether this autoscaler decides: the others of its name are told apart before. */
export function isActing(autoscaler: Autoscaler | undefined): autoscaler is Acting {
  return autoscaler?.own === true && typeof autoscaler.wish !== 'string' && autoscaler.seen !== undefined;
}

/** Whether it cannot decide, and changes nothing. `ScalingDisabled` is what it says of no replicas, and a moment longer. */
export function isHindered({ conditions }: Acting): boolean {
  const isFalse = (type: string) =>
    conditions.find((one) => one.type === type && one.status === 'False' && one.reason !== 'ScalingDisabled');
  return isFalse('AbleToScale') !== undefined || isFalse('ScalingActive') !== undefined;
}

/**
 * How many replicas the metrics ask for at this moment, by the rule of the autoscaler and before its limits and windows: with the requests
 * of now, where they are known, and else as the autoscaler saw them.
 */
export function needOf({ chain, replicas, ready, demand }: Facts, autoscaler: Acting): Recommendation {
  const standing = chain.deployment.status?.replicas ?? 0;
  const readings = autoscaler.metrics.flatMap(({ name, target, current }): MetricReading[] => {
    if (target === undefined) return [];
    const seen =
      current === undefined ? undefined : target.kind === 'AverageValue' ? current * Math.max(1, autoscaler.seen.current) : current;
    const total = name === requestsInSystem ? (demand ?? seen) : seen;
    const observed =
      total === undefined ? ({ kind: 'missing', why: 'it is not known' } as const) : ({ kind: 'values', values: [total] } as const);
    return [{ metric: name, target, observed }];
  });
  const scale = { specReplicas: replicas, statusReplicas: standing, readyReplicas: ready };
  return recommend(readings, scale, toleranceOf(autoscaler.wish.behavior));
}

/** The most requests with which so many replicas stay, and the most with which one of them goes. */
export function bandOf(replicas: number, { targetRequestsPerReplica: target }: Scaling, { wish }: Acting): { most: number; fewer: number } {
  const { up, down } = toleranceOf(wish.behavior);
  const exactly = target * replicas;
  const below = Math.ceil(exactly * (1 - down) - 1e-9) - 1;
  return { most: Math.floor(exactly * (1 + up) + 1e-9), fewer: Math.min(target * (replicas - 1), below) };
}
