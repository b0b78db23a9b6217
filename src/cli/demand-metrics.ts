import type { DemandWatch } from '../../controllers/demand/demand-watch.ts';
import type { Clock } from '../core/clock.ts';
import type { Runnable } from '../kube/index.ts';
import type { MetricName, MetricSource, Sample } from '../metrics-api/source.ts';

type Counts = { readonly inSystem: number; readonly waiting: number };

/** Which ModelDeployments there are. */
type DeploymentNames = { in(namespace: string): readonly string[]; has(namespace: string, name: string): boolean };

type DemandMetricsOptions = {
  readonly demand: Pick<DemandWatch, 'of' | 'all'>;
  readonly deployments: DeploymentNames;
  readonly clock: Clock;
};

const lookMs = 1_000;

const read: Readonly<Record<MetricName, (counts: Counts) => number>> = {
  modelfleet_requests_in_system: ({ inSystem }) => inSystem,
  modelfleet_requests_waiting: ({ waiting }) => waiting,
};

/**
 * What the gateways count as metrics. While one that callers may be at is not heard, no value is less than the last that was whole:
 * requests that nobody counts have not ended.
 */
export class DemandMetrics implements MetricSource, Runnable {
  readonly name = 'demand-metrics';
  private readonly options: DemandMetricsOptions;
  private lastWhole: { readonly at: number; readonly counts: ReadonlyMap<string, Counts> } | undefined;

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
    const names = model === undefined ? deployments.in(namespace) : deployments.has(namespace, model) ? [model] : [];
    return names.flatMap((name) => this.sample(`${namespace}/${name}`, name, metric) ?? []);
  }

  private sample(key: string, model: string, metric: MetricName): Sample | undefined {
    const { demand, clock } = this.options;
    const current = demand.of(key);
    const value = read[metric](current);
    if (isWhole(current)) return { model, value, at: clock.now() - current.oldestMs, stale: false };
    if (!this.lastWhole) return undefined;
    const held = this.lastWhole.counts.get(key);
    return { model, value: Math.max(value, held ? read[metric](held) : 0), at: this.lastWhole.at, stale: true };
  }

  private look(): void {
    const { demand, clock } = this.options;
    // What is true of one model's parts is true of all: they are told by the same gateways.
    const any = demand.of('');
    if (isWhole(any)) this.lastWhole = { at: clock.now() - any.oldestMs, counts: demand.all() };
  }
}

function isWhole({ gateways, stale }: { readonly gateways: number; readonly stale: boolean }): boolean {
  return gateways > 0 && !stale;
}
