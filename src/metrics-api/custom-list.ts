import type { JsonObject } from '../core/json.ts';
import { failures } from './failure.ts';
import { describedResource } from './groups.ts';
import type { ModelObjects } from './objects.ts';
import { metricNamed, selectorOf, selectSamples } from './series.ts';
import type { MetricSource } from './source.ts';
import { customValues } from './values.ts';

/** What a request to `custom.metrics.k8s.io` asks for; the name `*` is that of every object which the label selector finds. */
export type CustomQuery = {
  readonly namespace: string;
  readonly name: string;
  readonly metric: string;
  readonly query: Readonly<Record<string, unknown>>;
};

/** The answer to a request for a custom metric. Throws a StatusFailure. */
export function customList(source: MetricSource, objects: ModelObjects, asked: CustomQuery, now: number): JsonObject {
  const { namespace, name, query } = asked;
  const metric = metricNamed(asked.metric);
  const selector = selectorOf(query, 'metricLabelSelector');
  const samples = (model?: string) => selectSamples(source, { namespace, metric, selector, model }, now);
  if (name === '*') {
    const ofObjects = selectorOf(query, 'labelSelector');
    const chosen = new Set(objects(namespace).flatMap((object) => (ofObjects.matches(object.labels) ? [object.name] : [])));
    return customValues(
      namespace,
      metric,
      samples().filter(({ model }) => chosen.has(model)),
    );
  }
  const found = samples(name);
  if (found.length === 0) throw failures.noMetricFor(metric, describedResource, name);
  return customValues(namespace, metric, found);
}
