import type { PodSpec } from 'kubernetes-types/core/v1.d.ts';

const counted = ['cpu', 'memory'] as const;

/** Guaranteed: each container has equal limits and requests for CPU and memory; BestEffort: none has any. */
export function qosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const all = [...(spec.initContainers ?? []), ...spec.containers].map(({ resources }) => resources ?? {});
  const named = all.flatMap(({ limits, requests }) => counted.flatMap((name) => [limits?.[name], requests?.[name]]));
  if (named.every((quantity) => quantity === undefined || isZero(quantity))) return 'BestEffort';
  const guaranteed = all.every(({ limits, requests }) =>
    counted.every((name) => {
      const limit = limits?.[name];
      return limit !== undefined && !isZero(limit) && (requests?.[name] ?? limit) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function isZero(quantity: string): boolean {
  return /^0(\.0*)?[A-Za-z]*$/.test(quantity);
}
