/** What a model has to do now. */
export type ModelLoad = {
  /** Held, queued and running. */
  readonly inSystem: number;
  /** Of these, those that no replica works on yet. */
  readonly waiting: number;
  readonly tokensInFlight: number;
  /** Mean of the streams that began to be answered lately, without those that waited for a load; 0 without any. */
  readonly timeToFirstTokenSeconds: number;
  /** Mean of the loaded replicas, 0 to 1; absent when none tells it. */
  readonly kvCacheUsage?: number | undefined;
};

type FleetMetric = {
  readonly help: string;
  /** Undefined when the load says nothing of it. */
  readonly of: (load: ModelLoad) => number | undefined;
};

/** The metrics of a ModelDeployment that autoscalers may ask for, by name. */
export const fleetMetrics = {
  modelfleet_requests_in_system: {
    help: 'Requests that the fleet has taken and not finished: held, queued and running.',
    of: ({ inSystem }) => inSystem,
  },
  modelfleet_requests_waiting: {
    help: 'Requests that no replica works on yet: held while none is ready, or queued.',
    of: ({ waiting }) => waiting,
  },
  modelfleet_tokens_in_flight: {
    help: 'What the requests in the system may cost in tokens: their prompts, estimated by size, and the answers that they ask for.',
    of: ({ tokensInFlight }) => tokensInFlight,
  },
  modelfleet_time_to_first_token_seconds: {
    help: 'Mean time to first token of the streams of the last half minute: with the wait for a free replica, without that for a load; 0 without any.',
    of: ({ timeToFirstTokenSeconds }) => timeToFirstTokenSeconds,
  },
  modelfleet_kv_cache_usage: {
    help: 'The part of the KV cache that running requests have, 0 to 1: mean of the loaded replicas.',
    of: ({ kvCacheUsage }) => kvCacheUsage,
  },
} as const satisfies Readonly<Record<string, FleetMetric>>;

export type MetricName = keyof typeof fleetMetrics;

export const metricNames = Object.keys(fleetMetrics) as readonly MetricName[];

export function isFleetMetric(name: string): name is MetricName {
  return Object.hasOwn(fleetMetrics, name);
}

/** The label of a series that names its ModelDeployment. */
export const modelLabel = 'model';
