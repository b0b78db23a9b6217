import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.js';
import type { Condition } from '../../../../src/api/model-deployment.ts';
import { deployment, kube, read } from './kube.ts';

export const requestsInSystem = 'modelfleet_requests_in_system';

/** Path of a metric of a model, as an autoscaler asks for it. */
export function metricPath(namespace: string, model: string, metric = requestsInSystem): string {
  return `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${metric}?labelSelector=model%3D${model}`;
}

/** The requests of a model that are in the system, as the API server passes them on. */
export async function inSystem(namespace: string, model: string): Promise<number> {
  const { items } = JSON.parse(await kube(['get', '--raw', metricPath(namespace, model)])) as { items: { value: string }[] };
  return Number(items[0]?.value);
}

/** The conditions of the autoscaler of a model, as `STATUS REASON` by type. */
export async function autoscalerSays(namespace: string, model: string): Promise<Readonly<Record<string, string>>> {
  const { status } = await read<HorizontalPodAutoscaler>('hpa', model, '-n', namespace);
  return Object.fromEntries((status?.conditions ?? []).map((one) => [one.type, `${one.status} ${one.reason}`]));
}

/** What a deployment says of its scaling. */
export async function scalingActive(namespace: string, model: string): Promise<Condition | undefined> {
  return (await deployment(namespace, model)).status?.conditions?.find(({ type }) => type === 'ScalingActive');
}
