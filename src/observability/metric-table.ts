import type { Registry } from 'prom-client';

/** What a process exports, as declared where it is counted. */
export type Metric = { readonly name: string; readonly type: string; readonly labels: readonly string[]; readonly help: string };

/** The metrics of a registry, in the order of their declaration; a histogram counts as one. */
export function metricsOf(registry: Registry): readonly Metric[] {
  return registry.getMetricsAsArray().map((metric) => {
    // Present in every metric; the library's types leave it out.
    const labels: unknown = 'labelNames' in metric ? metric.labelNames : undefined;
    if (!Array.isArray(labels)) throw new TypeError(`prom-client tells no labels of ${metric.name}`);
    return { name: metric.name, type: String(metric.type), labels: labels.map(String), help: metric.help };
  });
}
