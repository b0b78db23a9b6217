import { isFleetMetric, type MetricName, modelLabel } from '../api/fleet-metrics.ts';
import { formatDuration } from '../core/durations.ts';
import { type LabelSelector, LabelSelectorError, parseLabelSelector } from '../core/label-selector.ts';
import { failures } from './failure.ts';
import type { MetricSource, Sample } from './source.ts';

/** For how long the last known value stands for one that is not known. After that an HPA is told, and leaves its target alone. */
const holdMs = 30_000;

/** Which values a request asks for; `model` when it names one. */
type SeriesRequest = {
  readonly namespace: string;
  readonly metric: MetricName;
  readonly selector: LabelSelector;
  readonly model?: string | undefined;
};

/** The name of a metric that a path names. Throws 404 for one that is not served. */
export function metricNamed(name: string): MetricName {
  if (!isFleetMetric(name)) throw failures.unknownMetric(name);
  return name;
}

/** The label selector of a query parameter; everything when it is absent. Throws 400. */
export function selectorOf(query: Readonly<Record<string, unknown>>, parameter: string): LabelSelector {
  const text = query[parameter] ?? '';
  if (typeof text !== 'string') throw failures.badRequest(`${parameter} was given more than once`);
  try {
    return parseLabelSelector(text);
  } catch (error) {
    if (error instanceof LabelSelectorError) throw failures.badRequest(error.message, error);
    throw error;
  }
}

/**
 * The values that a request asks for. Throws 503 when one of them has not been known for longer than it may be held:
 * the sum of the others would be a wrong number.
 */
export function selectSamples(source: MetricSource, request: SeriesRequest, now: number): readonly Sample[] {
  const { namespace, metric, selector, model: asked } = request;
  const samples = source
    .values(namespace, metric, asked ?? selector.only(modelLabel))
    .filter(({ model }) => (asked === undefined || model === asked) && selector.matches({ [modelLabel]: model }));
  const lost = samples.find(({ stale, at }) => stale && now - at > holdMs);
  if (lost) throw failures.unavailable(lossOf(lost, namespace, metric, now));
  return samples;
}

function lossOf({ model, at }: Sample, namespace: string, metric: MetricName, now: number): string {
  const age = formatDuration(now - at);
  const who = metric === 'modelfleet_kv_cache_usage' ? "the model's workers" : 'the gateways';
  return `${metric} of the ModelDeployment ${namespace}/${model} is not known: the last report of those who count it is ${age} old. Look at ${who}, and at what stands between them and the controller.`;
}
