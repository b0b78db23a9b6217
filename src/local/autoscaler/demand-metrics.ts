import type { Demand } from '../../../controllers/demand/demand.ts';
import { parseLabelSelector } from '../../core/label-selector.ts';
import { type MetricName, modelLabel } from '../../metrics-api/source.ts';
import type { ReadMetric } from './external-metrics.ts';

const numbers: Readonly<Record<MetricName, (demand: Demand) => number>> = {
  modelfleet_requests_in_system: ({ inSystem }) => inSystem,
  modelfleet_requests_waiting: ({ waiting }) => waiting,
};

type DemandMetricsOptions = {
  readonly demand: { of(model: string): Demand };
  /** Names of the ModelDeployments of a namespace. */
  readonly deployments: (namespace: string) => readonly string[];
  /** Reads what the gateway does not count. */
  readonly others: ReadMetric;
};

/** Reads the metrics of the fleet from the gateway of this process: one series for each ModelDeployment. */
export function demandMetrics({ demand, deployments, others }: DemandMetricsOptions): ReadMetric {
  return async (namespace, metric, selector, signal) => {
    if (!isOurs(metric)) return others(namespace, metric, selector, signal);
    const { matches } = parseLabelSelector(selector);
    const names = deployments(namespace).filter((name) => matches({ [modelLabel]: name }));
    return names.map((name) => numbers[metric](demand.of(`${namespace}/${name}`)));
  };
}

function isOurs(metric: string): metric is MetricName {
  return Object.hasOwn(numbers, metric);
}
