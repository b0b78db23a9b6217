import { z } from 'zod';

// How KEDA and prometheus-adapter ask Prometheus, after their sources: pkg/scalers/prometheus_scaler.go of KEDA, pkg/naming/metrics_query.go
// and pkg/client of prometheus-adapter.

const vector = z.object({
  data: z.object({
    resultType: z.literal('vector'),
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});
const series = z.object({ data: z.array(z.record(z.string(), z.string())) });

/** Metadata of a `prometheus` trigger of KEDA. */
export type KedaTrigger = { readonly query: string; readonly ignoreNullValues?: string };

/** The number that KEDA's `prometheus` scaler reads. Rejects in its words when it reads none. */
export async function askAsKeda(serverAddress: string, { query, ignoreNullValues = 'true' }: KedaTrigger): Promise<number> {
  const { data } = vector.parse(await instantQuery(serverAddress, query));
  const [only, ...more] = data.result;
  if (more.length > 0) throw new Error(`prometheus query ${query} returned multiple elements`);
  if (only) return Number.parseFloat(only.value[1]);
  if (ignoreNullValues === 'true') return 0;
  throw new Error("prometheus metrics 'prometheus' target may be lost, the result is empty");
}

/** An external rule of prometheus-adapter. */
export type AdapterRule = {
  readonly seriesQuery: string;
  readonly resources: { readonly overrides: Readonly<Record<string, { readonly resource: string }>> };
  readonly metricsQuery: string;
};

/** The values that prometheus-adapter answers for a metric of a namespace. Rejects when its rule finds no such metric. */
export async function askAsAdapter(
  server: string,
  { seriesQuery, resources, metricsQuery }: AdapterRule,
  { namespace, metric, labels }: { readonly namespace: string; readonly metric: string; readonly labels: Readonly<Record<string, string>> },
): Promise<readonly { readonly metricLabels: Readonly<Record<string, string>>; readonly value: number }[]> {
  const start = String(Math.floor(Date.now() / 1000) - 60);
  const known = series.parse(await get(server, 'series', { 'match[]': seriesQuery, start })).data.map(({ __name__: name }) => name);
  if (!known.includes(metric)) throw new Error(`the server could not find the metric ${metric}`);
  const [ofNamespace] = Object.entries(resources.overrides).find(([, { resource }]) => resource === 'namespace') ?? [];
  if (ofNamespace === undefined) throw new Error('no label of the rule is the namespace');
  const matchers = [...Object.entries(labels), [ofNamespace, namespace]].map(([name, value]) => `${name}="${value}"`);
  const query = metricsQuery.replaceAll('<<.Series>>', metric).replaceAll('<<.LabelMatchers>>', matchers.join(','));
  const { data } = vector.parse(await instantQuery(server, query));
  return data.result.map(({ metric: metricLabels, value }) => ({ metricLabels, value: Number.parseFloat(value[1]) }));
}

function instantQuery(server: string, query: string): Promise<unknown> {
  // To the second, as they do.
  return get(server, 'query', { query, time: new Date().toISOString().replace(/\.\d+/, '') });
}

async function get(server: string, what: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
  const response = await fetch(`${server}/api/v1/${what}?${new URLSearchParams(parameters)}`, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`prometheus query api returned error. status: ${response.status}`);
  return response.json();
}
