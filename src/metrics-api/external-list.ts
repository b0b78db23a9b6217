import type { JsonObject } from '../core/json.ts';
import { metricNamed, selectorOf, selectSamples } from './series.ts';
import type { MetricSource } from './source.ts';
import { externalValues } from './values.ts';

/** What a request to `external.metrics.k8s.io` asks for. */
export type ExternalQuery = { readonly namespace: string; readonly metric: string; readonly query: Readonly<Record<string, unknown>> };

/** The answer to a request for an external metric. Throws a StatusFailure. */
export function externalList(source: MetricSource, { namespace, metric: name, query }: ExternalQuery, now: number): JsonObject {
  const metric = metricNamed(name);
  const selector = selectorOf(query, 'labelSelector');
  return externalValues(metric, selectSamples(source, { namespace, metric, selector }, now));
}
