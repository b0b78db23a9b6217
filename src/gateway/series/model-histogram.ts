import { Histogram } from 'prom-client';
import type { ModelMetric } from './model-counter.ts';

/** What has been observed of one deployment. */
class Series {
  /** prom-client makes a text of them once, as long as they are the same object. */
  readonly labels: { readonly model: string };
  /** How many lay above the bound before and not above their own; the last of them lay above all. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;
  private readonly bounds: readonly number[];

  constructor(model: string, bounds: readonly number[]) {
    this.labels = { model };
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let index = 0;
    for (const bound of this.bounds) {
      if (value <= bound) break;
      index += 1;
    }
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += value;
    this.count += 1;
  }
}

/** A line of what prom-client prints; the labels of all lines of a series are `sharedLabels`. */
type Line = {
  readonly metricName: string;
  readonly labels: Record<string, string | number>;
  readonly sharedLabels: Series['labels'];
  readonly value: number;
};

/** A histogram by deployment; like the counter by deployment it has its series at hand, and gives them away when it is scraped. */
export class ModelHistogram extends Histogram<'model'> {
  private readonly series = new Map<string, Series>();
  private readonly metric: ModelMetric;
  private readonly bounds: readonly number[];

  /** `buckets` are their upper bounds in seconds, the lowest first. */
  constructor(metric: ModelMetric & { readonly buckets: readonly number[] }) {
    const { name, help, registry, buckets } = metric;
    super({ name, help, labelNames: ['model'], buckets: [...buckets], registers: [registry] });
    this.metric = metric;
    this.bounds = buckets;
  }

  /** The series of a deployment. */
  of(model: string): Series {
    return this.series.get(model) ?? this.begin(model);
  }

  /** What a registry prints, and what its `get` tells: prom-client has it too, and keeps it out of its types. */
  async getForPromString() {
    const { name, help, keeps } = this.metric;
    for (const model of this.series.keys()) if (!keeps(model)) this.series.delete(model);
    const values = [...this.series.values()].flatMap((series) => this.linesOf(series));
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  }

  private begin(model: string): Series {
    const series = new Series(model, this.bounds);
    this.series.set(model, series);
    return series;
  }

  private linesOf({ labels: sharedLabels, counts, sum, count }: Series): readonly Line[] {
    const { name } = this.metric;
    let below = 0;
    const buckets = [...this.bounds, '+Inf'].map((le, index) => {
      below += counts[index] ?? 0;
      return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: below };
    });
    const whole = { labels: {}, sharedLabels };
    return [...buckets, { ...whole, metricName: `${name}_sum`, value: sum }, { ...whole, metricName: `${name}_count`, value: count }];
  }
}
