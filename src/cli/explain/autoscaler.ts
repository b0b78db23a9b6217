import type { HorizontalPodAutoscaler } from '../../../controllers/scaling/autoscaler.ts';
import { type Condition, timestamp } from '../../kube/index.ts';
import type { Behavior } from '../../local/autoscaler/behavior.ts';
import { quantityNumber, type Wish, wishOf } from '../../local/autoscaler/object.ts';
import type { MetricTarget } from '../../local/autoscaler/recommend.ts';

/** A metric of an autoscaler: what it aims at, and what it saw last in the same unit. */
export type ScaledMetric = { readonly name: string; readonly target: MetricTarget | undefined; readonly current: number | undefined };

/** A HorizontalPodAutoscaler as far as it tells how many replicas there shall be. */
export type Autoscaler = {
  readonly name: string;
  /** The deployment's own; else somebody else's that has its name. */
  readonly own: boolean;
  /** What it wishes for; a text when that cannot be followed. */
  readonly wish: (Pick<Wish['spec'], 'minReplicas' | 'maxReplicas'> & { readonly behavior: Behavior }) | string;
  readonly metrics: readonly ScaledMetric[];
  /** Undefined until the cluster's autoscaler has looked at it. */
  readonly seen: { readonly current: number; readonly desired: number; readonly lastScaledAt: number | undefined } | undefined;
  readonly conditions: readonly Condition[];
};

/** Reads an autoscaler object; `uid` is that of the deployment. */
export function autoscalerOf(object: HorizontalPodAutoscaler, uid: string | undefined): Autoscaler {
  const { metadata, status } = object;
  const wish = wishOf(object);
  const { lastScaleTime } = status ?? {};
  return {
    name: metadata.name,
    own: metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid) === true,
    wish: typeof wish === 'string' ? wish : wish.spec,
    metrics: typeof wish === 'string' ? [] : wish.metrics.map((metric) => scaledMetric(metric, object)),
    seen: status?.conditions?.length
      ? {
          current: status.currentReplicas ?? 0,
          desired: status.desiredReplicas,
          lastScaledAt: lastScaleTime === undefined ? undefined : Date.parse(String(lastScaleTime)),
        }
      : undefined,
    conditions: (status?.conditions ?? []).map(({ type, status: value, reason = '', message = '', lastTransitionTime }) => ({
      type,
      status: value === 'True' || value === 'False' ? value : 'Unknown',
      reason,
      message,
      lastTransitionTime: String(lastTransitionTime ?? timestamp(0)),
    })),
  };
}

function scaledMetric(metric: Wish['metrics'][number], { status }: HorizontalPodAutoscaler): ScaledMetric {
  if (metric.kind === 'other') return { name: `a metric of type ${metric.type}`, target: undefined, current: undefined };
  const current = status?.currentMetrics?.find(({ external }) => external?.metric.name === metric.name)?.external?.current;
  const text = metric.target.kind === 'AverageValue' ? current?.averageValue : current?.value;
  return { name: metric.name, target: metric.target, current: text === undefined ? undefined : quantityNumber.safeParse(text).data };
}
