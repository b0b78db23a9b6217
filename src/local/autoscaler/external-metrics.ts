import { z } from 'zod';
import type { KubeClient } from '../../kube/index.ts';
import { quantityNumber } from './object.ts';

/** Reads the values of an external metric: one for each series that the label selector finds. Rejects when it cannot. */
export type ReadMetric = (namespace: string, metric: string, selector: string, signal: AbortSignal) => Promise<readonly number[]>;

const valueList = z.object({ items: z.array(z.object({ value: quantityNumber })) });

/** Reads metrics of `external.metrics.k8s.io/v1beta1`, as the autoscaler of a cluster does it. */
export function externalMetrics(client: Pick<KubeClient, 'request'>): ReadMetric {
  return async (namespace, metric, selector, signal) => {
    const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${encodeURIComponent(namespace)}/${encodeURIComponent(metric)}`;
    const answer = await client.request('GET', path, { signal, ...(selector !== '' && { query: { labelSelector: selector } }) });
    return valueList.parse(answer).items.map(({ value }) => value);
  };
}
