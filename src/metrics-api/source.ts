/** What each metric tells, by its name. */
export const metrics = {
  modelfleet_requests_in_system: 'Requests that the fleet has taken and not finished: held, queued and running.',
  modelfleet_requests_waiting: 'Requests that no replica works on yet: held while none is ready, or queued.',
} as const;

export type MetricName = keyof typeof metrics;

export const metricNames = Object.keys(metrics) as readonly MetricName[];

/** The label of a series that names its ModelDeployment. */
export const modelLabel = 'model';

/** The last known value of a metric for one ModelDeployment. */
export type Sample = {
  /** Name of the ModelDeployment. */
  readonly model: string;
  readonly value: number;
  /** When it was true: milliseconds since the epoch. */
  readonly at: number;
  /** Some of those who count have not been heard of since: the true value may be another. */
  readonly stale: boolean;
};

/** Where the values come from: read at each request, never waited for. */
export type MetricSource = {
  /** The deployments of a namespace whose value is known. With `model`, no other need be among them. */
  values(namespace: string, metric: MetricName, model?: string): readonly Sample[];
};
