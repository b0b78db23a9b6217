import { BytesIEC, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { graph, type Panel } from './panels.ts';

/** The metrics of prom-client about a Node process that dashboards and alerts use. */
export const processMetrics = {
  memory: 'process_resident_memory_bytes',
  cpu: 'process_cpu_seconds_total',
  lag: 'nodejs_eventloop_lag_p99_seconds',
} as const;

/**
 * How the processes do that export the series `mark`.
 * A mark, because the names of jobs are whoever scrapes chooses, and every Node process exports these metrics.
 */
export function processRow(mark: string): { readonly title: string; readonly panels: readonly Panel[] } {
  const of = (expr: string) => `${expr} and on (job, instance) ${mark}`;
  const legend = '{{pod}}';
  return {
    title: 'Processes',
    panels: [
      graph({
        title: 'Memory',
        description: 'Resident memory of each pod. A line that only climbs is a leak; the limit of the container ends it.',
        unit: BytesIEC,
        queries: [{ expr: of(processMetrics.memory), legend }],
      }),
      graph({
        title: 'CPU',
        description: 'Cores used by each pod. Node runs JavaScript on one core: near 1 the process is saturated, and more replicas help.',
        unit: Short,
        queries: [{ expr: of(`rate(${processMetrics.cpu}[$__rate_interval])`), legend }],
      }),
      graph({
        title: 'Event loop lag',
        description: 'How late timers fire (p99 since the last scrape). Everything that the process does waits as long.',
        unit: Seconds,
        queries: [{ expr: of(processMetrics.lag), legend }],
      }),
    ],
  };
}
