import { z } from 'zod';
import { type MetricName, modelLabel } from '../../api/fleet-metrics.ts';
import { ApiError, ConnectionError, type KubeClient, type ObjectRef } from '../../kube/index.ts';
import { quantityNumber } from '../../local/autoscaler/object.ts';
import { externalMetrics, groupVersionOf } from '../../metrics-api/groups.ts';
import type { Reading } from './chain.ts';

const answerTimeoutMs = 5_000;
const valueList = z.object({ items: z.array(z.object({ value: quantityNumber, timestamp: z.string() })) });

/** Reads a metric of a deployment as the autoscaler does it. Never rejects for what the cluster cannot or must not tell. */
export async function readMetric(client: KubeClient, { namespace, name }: ObjectRef, metric: MetricName): Promise<Reading> {
  const path = `/apis/${groupVersionOf(externalMetrics)}/namespaces/${namespace}/${metric}`;
  const query = { labelSelector: `${modelLabel}=${name}` };
  try {
    const { items } = valueList.parse(await client.request('GET', path, { query, timeoutMs: answerTimeoutMs }));
    const [first] = items;
    if (!first) return { kind: 'unknown', why: 'no gateway has told the controller yet' };
    const at = Math.min(...items.map(({ timestamp }) => Date.parse(timestamp)));
    return { kind: 'value', value: items.reduce((sum, { value }) => sum + value, 0), at };
  } catch (error) {
    if (error instanceof ApiError) return { kind: 'unknown', why: whyNot(error, metric) };
    if (error instanceof ConnectionError) return { kind: 'unknown', why: error.message };
    throw error;
  }
}

function whyNot({ code, status, message }: ApiError, metric: string): string {
  switch (code) {
    case 403:
      return `you may not list ${metric} of ${externalMetrics.group}: the cluster role view allows it`;
    case 404:
      return `${groupVersionOf(externalMetrics)} is not served here (value metricsApi.external of the chart)`;
    default:
      return status.message ?? message;
  }
}
