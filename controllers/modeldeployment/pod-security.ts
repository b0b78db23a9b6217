import type { Namespace } from '../../src/kube/index.ts';

/** Levels of the Pod Security Standards, the widest first. */
const levels = ['privileged', 'baseline', 'restricted'] as const;
export type PodSecurityLevel = (typeof levels)[number];

const enforceLabel = 'pod-security.kubernetes.io/enforce';

/**
 * The level that a namespace enforces by its label. Without one it is what the API server was configured with: only its answer tells.
 * What is not a level counts as restricted, as it does for the API server.
 */
export function enforcedLevel(namespace: Namespace | undefined): PodSecurityLevel {
  const told = namespace?.metadata.labels?.[enforceLabel];
  return told === undefined ? 'privileged' : (levels.find((level) => level === told) ?? 'restricted');
}
