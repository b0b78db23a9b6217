import { type MetricName, modelLabel } from '../api/fleet-metrics.ts';
import { apiVersion, modelDeploymentResource } from '../api/resources.ts';
import type { JsonObject } from '../core/json.ts';
import { timestamp } from '../kube/index.ts';
import { customMetrics, externalMetrics, groupVersionOf } from './groups.ts';
import { formatQuantity } from './quantity.ts';
import type { Sample } from './source.ts';

/** The answer of `external.metrics.k8s.io`: an HPA adds its items up. */
export function externalValues(metric: MetricName, samples: readonly Sample[]): JsonObject {
  const items = samples.map(({ model, value, at }) => ({
    metricName: metric,
    metricLabels: { [modelLabel]: model },
    timestamp: timestamp(at),
    value: formatQuantity(value),
  }));
  return { kind: externalMetrics.kind, apiVersion: groupVersionOf(externalMetrics), metadata: {}, items };
}

/** The answer of `custom.metrics.k8s.io`: one item for each object. */
export function customValues(namespace: string, metric: MetricName, samples: readonly Sample[]): JsonObject {
  const items = samples.map(({ model, value, at }) => ({
    describedObject: { kind: modelDeploymentResource.kind, namespace, name: model, apiVersion },
    metric: { name: metric },
    timestamp: timestamp(at),
    value: formatQuantity(value),
  }));
  return { kind: customMetrics.kind, apiVersion: groupVersionOf(customMetrics), metadata: {}, items };
}
