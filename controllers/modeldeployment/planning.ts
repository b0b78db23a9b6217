import { leavesOrphans } from './drain-finalizer.ts';
import type { Seen } from './gather.ts';
import { endReplicas, keepReplicas, type Plan, planReplicas } from './plan.ts';

const nothing: Plan = { create: 0, drain: [], remove: [], unprotect: [] };

/** The plan for a deployment as it is seen; broken replicas stay while `backingOff`. Pure; `now` in milliseconds. */
export function planFor(seen: Seen, backingOff: boolean, now: number): Plan {
  const { deployment, ending, acceptance, revision, replicas, drainTimeoutMs } = seen;
  if (leavesOrphans(deployment)) return nothing;
  if (deployment.metadata.deletionTimestamp) return endReplicas('Deleted', replicas, drainTimeoutMs, now);
  // A namespace that goes takes everything along; a spec that cannot be run keeps the replicas that it has.
  if (ending || !acceptance.accepted || revision === undefined) return keepReplicas(replicas, drainTimeoutMs, now);
  const { rollout, scaling, suspend } = acceptance.spec;
  if (suspend) return endReplicas('Suspended', replicas, drainTimeoutMs, now);
  const wish = {
    ...rollout,
    replicas: acceptance.spec.replicas,
    revision,
    drainTimeoutMs,
    backingOff,
    sparesLoading: scaling !== undefined,
  };
  return planReplicas(wish, replicas, now);
}
