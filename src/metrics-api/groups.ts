import { modelDeploymentResource } from '../api/resources.ts';

/** An API group as this server serves it. */
export type ServedGroup = {
  readonly group: string;
  readonly version: string;
  /** The kind that every resource of it answers with. */
  readonly kind: string;
  readonly description: string;
  /** What stands before the name of a metric in discovery; empty where a metric is a resource by itself. */
  readonly resource: string;
  /** The path of a value below the version; a name in braces stands for what the caller gives. */
  readonly path: string;
  /** Query parameters, each with what it is for. */
  readonly query: Readonly<Record<string, string>>;
};

/** `modeldeployments.modelfleet.dev`: how the API of custom metrics names our kind. */
export const describedResource = `${modelDeploymentResource.plural}.${modelDeploymentResource.group}`;

/** Values that an HPA finds by name and labels. */
export const externalMetrics: ServedGroup = {
  group: 'external.metrics.k8s.io',
  version: 'v1beta1',
  kind: 'ExternalMetricValueList',
  description: 'The values of a metric in a namespace, one for each ModelDeployment.',
  resource: '',
  path: 'namespaces/{namespace}/{metric}',
  query: { labelSelector: 'Which series: each has the label `model`, the name of its ModelDeployment.' },
};

/** Values that an HPA finds by the object that they describe. */
export const customMetrics: ServedGroup = {
  group: 'custom.metrics.k8s.io',
  version: 'v1beta2',
  kind: 'MetricValueList',
  description: 'The value of a metric that describes a ModelDeployment, or those of several.',
  resource: describedResource,
  path: `namespaces/{namespace}/${describedResource}/{name}/{metric}`,
  query: {
    labelSelector: 'With the name `*`: which ModelDeployments, by their labels.',
    metricLabelSelector: 'Which series: each has the label `model`, the name of its ModelDeployment.',
  },
};

export const servedGroups = [externalMetrics, customMetrics] as const;

/** `external.metrics.k8s.io/v1beta1`. */
export function groupVersionOf({ group, version }: ServedGroup): string {
  return `${group}/${version}`;
}
