import type { Pod } from '../../src/kube/index.ts';

/** What the controller reads of a pod: a fleet has thousands, and most of each repeats what its deployment says. */
export function slimPod(pod: Pod): Pod {
  if (!pod.spec) return pod;
  const { nodeName, containers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...(nodeName !== undefined && { nodeName }),
      containers: containers.map(({ name, ports, resources }) => ({ name, ...(ports && { ports }), ...(resources && { resources }) })),
    },
  };
}
