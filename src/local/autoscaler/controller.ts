import { isDeepStrictEqual } from 'node:util';
import { type HorizontalPodAutoscaler, horizontalPodAutoscalers } from '../../../controllers/scaling/autoscaler.ts';
import type { ModelDeployment } from '../../api/model-deployment.ts';
import { modelDeploymentResource } from '../../api/resources.ts';
import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/failure.ts';
import type { Logger } from '../../core/logger.ts';
import {
  apiVersionOf,
  Controller,
  done,
  type EventRecorder,
  forType,
  type InformerCache,
  isNotFound,
  type KubeClient,
  type Predicate,
  pods,
  type ReconcileContext,
  type Result,
  requeueAfter,
  resourceType,
  type Scale,
} from '../../kube/index.ts';
import type { ReadMetric } from './external-metrics.ts';
import { type History, withScale } from './history.ts';
import { decide, type HpaSpec } from './hpa.ts';
import { type WantedMetric, type Wish, wishOf } from './object.ts';
import type { MetricReading } from './recommend.ts';
import { failedStatus, statusAfter } from './status.ts';

export type AutoscalerOptions = {
  readonly client: KubeClient;
  readonly cache: InformerCache;
  readonly readMetric: ReadMetric;
  readonly events: Pick<EventRecorder, 'event'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From one look at an autoscaler to the next; 15 s as in Kubernetes unless told. */
  readonly syncMs?: number;
};

const modelDeployments = resourceType<ModelDeployment>(modelDeploymentResource);
const metricTimeoutMs = 5_000;

const specChanged: Predicate<HorizontalPodAutoscaler> = (change) =>
  change.type !== 'update' || !isDeepStrictEqual(change.old.spec, change.object.spec);

/** Runs the HorizontalPodAutoscaler objects of ModelDeployments as the controller manager of a cluster does. The informers of `cache` must run. */
export function autoscalerController(options: AutoscalerOptions): Controller {
  const { cache, clock, logger, syncMs = 15_000 } = options;
  const autoscalers = cache.informer(horizontalPodAutoscalers);
  const histories = new Map<string, History>();
  return new Controller({
    name: 'horizontalpodautoscaler',
    sources: [forType(autoscalers, specChanged)],
    concurrency: 4,
    reconcileTimeoutMs: 30_000,
    clock,
    logger,
    async reconcile(key, context): Promise<Result> {
      const autoscaler = autoscalers.store.get(key);
      if (autoscaler === undefined || autoscaler.metadata.deletionTimestamp !== undefined) {
        histories.delete(key);
        return done();
      }
      await sync(options, autoscaler, { get: () => histories.get(key), set: (history) => histories.set(key, history) }, context);
      return requeueAfter(syncMs);
    },
  });
}

type Memory = { readonly get: () => History | undefined; readonly set: (history: History) => void };

async function sync(
  options: AutoscalerOptions,
  autoscaler: HorizontalPodAutoscaler,
  memory: Memory,
  context: ReconcileContext,
): Promise<void> {
  const { client, clock, events } = options;
  const wish = wishOf(autoscaler);
  if (typeof wish === 'string')
    return report(options, autoscaler, failedStatus(autoscaler, 'ScalingActive', 'InvalidSpec', wish, clock.now()), context);
  const scale = await scaleOf(client, autoscaler, wish, context.signal);
  if (typeof scale === 'string')
    return report(options, autoscaler, failedStatus(autoscaler, 'AbleToScale', 'FailedGetScale', scale, clock.now()), context);

  const specReplicas = scale.spec?.replicas ?? 0;
  const statusReplicas = scale.status?.replicas ?? 0;
  const readings = await Promise.all(wish.metrics.map((metric) => read(options, autoscaler, metric, context.signal)));
  const readyReplicas = readings.some(({ target }) => target.kind === 'Value')
    ? await readyPods(client, scale, context.signal)
    : statusReplicas;
  const now = clock.now();
  const decision = decide(wish.spec, { scale: { specReplicas, statusReplicas, readyReplicas }, readings }, memory.get(), now);
  const scaled = decision.replicas !== specReplicas;
  if (scaled) {
    await client.updateScale(
      modelDeployments,
      { namespace: autoscaler.metadata.namespace, name: wish.target.name },
      { ...scale, spec: { replicas: decision.replicas } },
      { signal: context.signal },
    );
    events.event(
      autoscaler,
      'Normal',
      'SuccessfulRescale',
      `New size: ${decision.replicas}; reason: ${reasonOf(specReplicas, decision.replicas, wish.spec, decision.metric)}`,
    );
  }
  memory.set(scaled ? withScale(decision.history, specReplicas, decision.replicas, now) : decision.history);
  await report(options, autoscaler, statusAfter(autoscaler, decision, readings, { specReplicas, statusReplicas }, now), context);
}

/** As Kubernetes puts it. */
function reasonOf(before: number, after: number, { minReplicas, maxReplicas }: HpaSpec, metric: string | undefined): string {
  if (before > maxReplicas) return 'Current number of replicas above Spec.MaxReplicas';
  if (before < minReplicas) return 'Current number of replicas below Spec.MinReplicas';
  return after > before ? `${metric} above target` : 'All metrics below target';
}

/** The scale of the target, or why it cannot be had. */
async function scaleOf(
  client: KubeClient,
  { metadata }: HorizontalPodAutoscaler,
  { target }: Wish,
  signal: AbortSignal,
): Promise<Scale | string> {
  if (target.kind !== modelDeployments.kind || target.apiVersion !== apiVersionOf(modelDeployments))
    return `spec.scaleTargetRef names ${target.apiVersion} ${target.kind}: here ${apiVersionOf(modelDeployments)} ${modelDeployments.kind} alone can be scaled`;
  try {
    return await client.getScale(modelDeployments, { namespace: metadata.namespace, name: target.name }, { signal });
  } catch (error) {
    if (isNotFound(error)) return `${target.kind} ${target.name} does not exist in namespace ${metadata.namespace}`;
    throw error;
  }
}

async function read(
  options: AutoscalerOptions,
  { metadata }: HorizontalPodAutoscaler,
  metric: WantedMetric,
  signal: AbortSignal,
): Promise<MetricReading> {
  if (metric.kind === 'other') {
    const why = `metrics of type ${metric.type} are not served here: use one of type External`;
    return { metric: metric.type, target: { kind: 'AverageValue', value: 1 }, observed: { kind: 'missing', why } };
  }
  const { name, target, selector } = metric;
  try {
    const values = await options.readMetric(
      metadata.namespace ?? '',
      name,
      selector,
      AbortSignal.any([signal, AbortSignal.timeout(metricTimeoutMs)]),
    );
    return { metric: name, target, observed: { kind: 'values', values } };
  } catch (error) {
    signal.throwIfAborted();
    return { metric: name, target, observed: { kind: 'missing', why: describeError(error) } };
  }
}

async function readyPods(client: KubeClient, { metadata, status }: Scale, signal: AbortSignal): Promise<number> {
  const { items } = await client.list(pods, { namespace: metadata.namespace, labelSelector: status?.selector }, { signal });
  return items.filter((pod) => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')).length;
}

/** Writes the status where it says something new. */
async function report(
  { client }: AutoscalerOptions,
  autoscaler: HorizontalPodAutoscaler,
  status: HorizontalPodAutoscaler['status'],
  { signal }: ReconcileContext,
): Promise<void> {
  if (status === undefined || isDeepStrictEqual(status, autoscaler.status)) return;
  await client.update(horizontalPodAutoscalers, { ...autoscaler, status }, { subresource: 'status', signal });
}
