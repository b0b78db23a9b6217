/** The phases of a replica on its way to Ready, in order (DESIGN section 4). The first three are seen by the kubelet, the rest by the agent. */
export const phaseLadder = [
  'Pending',
  'Scheduled',
  'PullingImage',
  'Fetching',
  'Verifying',
  'LoadingWeights',
  'Compiling',
  'WarmingUp',
  'Ready',
] as const;

/** Phases beside the ladder. */
const sidePhases = ['Draining', 'Stalled', 'Failed'] as const;

export const replicaPhases = [...phaseLadder, ...sidePhases] as const;
export type ReplicaPhase = (typeof replicaPhases)[number];
