import { isReplicaReady, replicaEndpoint } from '../../src/api/replica.ts';
import { modelDeploymentResource } from '../../src/api/resources.ts';
import { type Informer, type Pod, refKey, type Source } from '../../src/kube/index.ts';
import { drainingSince } from './draining.ts';
import { hasEnded, workerOf } from './failures/signals.ts';
import type { StatusProber, Target } from './prober.ts';

/** Lets a controller hear of its agents: every replica with an address is asked while the source runs. */
export function probeSource(pods: Informer<Pod>, prober: StatusProber): Source {
  return {
    start(enqueue) {
      const stop = new AbortController();
      prober.start(enqueue, stop.signal);
      const follow = (pod: Pod) => {
        const target = targetOf(pod);
        if (target) prober.track(target);
        else if (pod.metadata.uid) prober.untrack(pod.metadata.uid);
      };
      const removeHandler = pods.addHandler({
        add: follow,
        update: follow,
        delete: (pod) => {
          if (pod.metadata.uid) prober.untrack(pod.metadata.uid);
        },
      });
      return () => {
        removeHandler();
        stop.abort();
      };
    },
    synced: (signal) => pods.synced(signal),
  };
}

/** Whom to ask for this pod; undefined when it is no replica of ours, has no address yet, or has ended for good. */
export function targetOf(pod: Pod): Target | undefined {
  const { uid, namespace, ownerReferences } = pod.metadata;
  const owner = ownerReferences?.find(({ controller, kind }) => controller && kind === modelDeploymentResource.kind);
  const endpoint = replicaEndpoint(pod);
  const worker = workerOf(pod);
  if (!uid || !owner || !endpoint || !worker || hasEnded(pod)) return undefined;
  const { host, managementPort } = endpoint;
  return {
    uid,
    owner: refKey({ namespace, name: owner.name }),
    host,
    managementPort,
    restarts: worker.restartCount,
    ready: isReplicaReady(pod),
    drainingSince: drainingSince(pod),
  };
}
