import { Counter, type Registry } from 'prom-client';

/** What a metric of deployments is called, and whom it tells of. */
export type ModelMetric = {
  readonly name: string;
  readonly help: string;
  readonly registry: Registry;
  /** Whether there still is such a deployment: at the next scrape the series of one that is gone go, so that they do not pile up. */
  readonly keeps: (model: string) => boolean;
};

/** A number that only grows, and its labels. */
class Series {
  readonly model: string;
  readonly labels: Readonly<Record<string, string | number>>;
  value = 0;

  constructor(model: string, others: Series['labels']) {
    this.model = model;
    this.labels = { model, ...others };
  }

  inc(by = 1): void {
    this.value += by;
  }
}

/**
 * A counter by deployment, and by `label` if it has one. prom-client's own makes, checks and joins labels each time it counts; here
 * who counts has the series at hand, and prom-client gets their values when it is scraped.
 */
export class ModelCounter {
  /** In the order in which they are printed: that of their first counts. */
  private readonly series = new Set<Series>();
  private readonly byModel = new Map<string, Map<string | number, Series>>();
  private readonly label: string | undefined;

  constructor({ name, help, registry, keeps, label }: ModelMetric & { readonly label?: string }) {
    const { series, byModel } = this;
    this.label = label;
    new Counter({
      name,
      help,
      labelNames: label === undefined ? ['model'] : ['model', label],
      registers: [registry],
      collect() {
        this.reset();
        for (const one of series) {
          if (keeps(one.model)) this.inc(one.labels, one.value);
          else {
            series.delete(one);
            byModel.delete(one.model);
          }
        }
      },
    });
  }

  /** The series of a deployment; `is` is the value of the label, if there is one. */
  of(model: string, is: string | number = ''): Series {
    return this.byModel.get(model)?.get(is) ?? this.begin(model, is);
  }

  private begin(model: string, is: string | number): Series {
    const series = new Series(model, this.label === undefined ? {} : { [this.label]: is });
    const others = this.byModel.get(model);
    if (others) others.set(is, series);
    else this.byModel.set(model, new Map([[is, series]]));
    this.series.add(series);
    return series;
  }
}
