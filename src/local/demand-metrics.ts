import type { Demand } from '../../controllers/demand/demand.ts';
import type { DemandWatch } from '../../controllers/demand/demand-watch.ts';
import { modelLoad } from '../../controllers/demand/model-load.ts';
import type { WorkerLoad, WorkerReports } from '../../controllers/demand/worker-reports.ts';
import { fleetMetrics, type MetricName } from '../api/fleet-metrics.ts';
import type { Clock } from '../core/clock.ts';
import type { Runnable } from '../kube/index.ts';
import type { MetricSource, Sample } from '../metrics-api/source.ts';

/** Which ModelDeployments there are. */
type Deployments = {
  in(namespace: string): readonly string[];
  /** How many of its replicas are ready; undefined when there is none of this name. */
  ready(namespace: string, name: string): number | undefined;
};

type DemandMetricsOptions = {
  readonly demand: Pick<DemandWatch, 'of' | 'all'>;
  readonly reports: Pick<WorkerReports, 'of'>;
  readonly deployments: Deployments;
  readonly clock: Clock;
};

const lookMs = 1_000;

/**
 * What gateways and workers count as metrics. While a gateway that callers may be at is not heard, no value is less than the last that
 * was whole: requests that nobody counts have not ended.
 */
export class DemandMetrics implements MetricSource, Runnable {
  readonly name = 'demand-metrics';
  private readonly options: DemandMetricsOptions;
  private lastWhole: { readonly at: number; readonly demand: ReadonlyMap<string, Demand> } | undefined;

  constructor(options: DemandMetricsOptions) {
    this.options = options;
  }

  /** Remembers what the gateways count until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.look();
      await this.options.clock.sleep(lookMs, signal).catch(() => {}); // aborted: the loop sees it
    }
  }

  values(namespace: string, metric: MetricName, model?: string): readonly Sample[] {
    const { deployments } = this.options;
    // An autoscaler asks for one: a thousand others must not cost it anything.
    const names = model === undefined ? deployments.in(namespace) : deployments.ready(namespace, model) === undefined ? [] : [model];
    return names.flatMap((name) => this.sample(namespace, name, metric) ?? []);
  }

  private sample(namespace: string, model: string, metric: MetricName): Sample | undefined {
    const key = `${namespace}/${model}`;
    const workers = this.options.reports.of(key);
    if (metric !== 'modelfleet_kv_cache_usage') return this.sampleOfGateways(key, model, metric, workers);
    return this.sampleOfWorkers(model, workers, this.options.deployments.ready(namespace, model) === 0);
  }

  /** It is the workers' own: whether gateways are heard says nothing about it. */
  private sampleOfWorkers(model: string, { kvCache }: WorkerLoad, isEmpty: boolean): Sample | undefined {
    if (kvCache && !(kvCache.stale && isEmpty)) return { model, value: kvCache.usage, at: kvCache.at, stale: kvCache.stale };
    // Where no replica is ready there is nobody to ask, as while a model that was woken loads: that is no failure.
    return isEmpty ? { model, value: 0, at: this.options.clock.now(), stale: false } : undefined;
  }

  private sampleOfGateways(key: string, model: string, metric: MetricName, workers: WorkerLoad): Sample | undefined {
    const { demand, clock } = this.options;
    const current = demand.of(key);
    const read = (of: Demand | undefined) => (of && fleetMetrics[metric].of(modelLoad(of, workers))) ?? 0;
    const value = read(current);
    if (isWhole(current)) return { model, value, at: clock.now() - current.oldestMs, stale: false };
    if (!this.lastWhole) return undefined;
    return { model, value: Math.max(value, read(this.lastWhole.demand.get(key))), at: this.lastWhole.at, stale: true };
  }

  private look(): void {
    const { demand, clock } = this.options;
    // What is true of one model's parts is true of all: they are told by the same gateways.
    const any = demand.of('');
    if (isWhole(any)) this.lastWhole = { at: clock.now() - any.oldestMs, demand: demand.all() };
  }
}

function isWhole({ gateways, stale }: { readonly gateways: number; readonly stale: boolean }): boolean {
  return gateways > 0 && !stale;
}
