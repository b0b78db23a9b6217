import type { Pod } from 'kubernetes-types/core/v1.d.ts';

/** What a pod may ask of the machine. */
export type NodeOffer = { readonly labels: Readonly<Record<string, string>>; readonly capacity: Readonly<Record<string, string>> };

/** Whether the pod waits for a scheduler and the default one is meant. */
export function awaitsScheduling({ spec, metadata }: Pod): boolean {
  const ours = spec?.schedulerName === undefined || spec.schedulerName === 'default-scheduler';
  return !spec?.nodeName && ours && metadata?.deletionTimestamp === undefined && (spec?.schedulingGates ?? []).length === 0;
}

/**
 * Why the pod cannot run on the only node there is, or undefined when it can. CPU and memory are not counted: processes share the machine;
 * a device that is not there is.
 */
export function unschedulable({ spec }: Pod, { labels, capacity }: NodeOffer): string | undefined {
  const mismatch = Object.entries(spec?.nodeSelector ?? {}).some(([name, value]) => labels[name] !== value);
  if (mismatch) return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
  for (const { resources } of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
    for (const [name, quantity] of Object.entries({ ...resources?.limits, ...resources?.requests })) {
      if (name.includes('/') && Number(quantity) > Number(capacity[name] ?? 0)) return `0/1 nodes are available: 1 Insufficient ${name}.`;
    }
  }
  return undefined;
}
