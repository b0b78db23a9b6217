import type { Demand } from '../../../controllers/demand/demand.ts';
import { modelLoad } from '../../../controllers/demand/model-load.ts';
import type { WorkerReports } from '../../../controllers/demand/worker-reports.ts';
import { fleetMetrics, isFleetMetric, modelLabel } from '../../api/fleet-metrics.ts';
import { parseLabelSelector } from '../../core/label-selector.ts';
import type { ReadMetric } from './external-metrics.ts';

type DemandMetricsOptions = {
  readonly demand: { of(model: string): Demand };
  readonly reports: Pick<WorkerReports, 'of'>;
  /** The ModelDeployments of a namespace, and how many replicas of each are ready. */
  readonly deployments: (namespace: string) => readonly { readonly name: string; readonly ready: number }[];
  /** Reads what is no metric of the fleet. */
  readonly others: ReadMetric;
};

/** Reads the metrics of the fleet from the gateway of this process and its workers: one series for each ModelDeployment that has a value. */
export function demandMetrics({ demand, reports, deployments, others }: DemandMetricsOptions): ReadMetric {
  return async (namespace, metric, selector, signal) => {
    if (!isFleetMetric(metric)) return others(namespace, metric, selector, signal);
    const { matches } = parseLabelSelector(selector);
    const found = deployments(namespace).filter(({ name }) => matches({ [modelLabel]: name }));
    return found.flatMap(({ name, ready }) => {
      const key = `${namespace}/${name}`;
      const { kvCache, ...counts } = reports.of(key);
      // What is old is not told: the autoscaler then says that it has no number, and leaves the replicas as they are.
      const workers = kvCache?.stale ? counts : { ...counts, kvCache };
      // Where no replica is ready there is nobody to ask, as while a model that was woken loads: that is no failure.
      const nothing = metric === 'modelfleet_kv_cache_usage' && ready === 0 ? 0 : [];
      return fleetMetrics[metric].of(modelLoad(demand.of(key), workers)) ?? nothing;
    });
  };
}
