import type { MetricName } from '../api/fleet-metrics.ts';

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
