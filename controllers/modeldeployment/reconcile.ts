import type { Clock, Random } from '../../src/core/clock.ts';
import { describeError } from '../../src/core/failure.ts';
import { done, type EventRecorder, type KubeClient, type Reconcile, requeueAfter } from '../../src/kube/index.ts';
import { applyPlan, type PodWriter } from './apply.ts';
import { gather, type Seen, type Sight } from './gather.ts';
import { type Plan, planReplicas, type Removal } from './plan.ts';
import { Replacements } from './replacements.ts';
import { statusOf } from './status.ts';
import { StatusWriter } from './status-writer.ts';

export type ReconcilerOptions = {
  readonly client: PodWriter & Pick<KubeClient, 'apply'>;
  /** Address of the gateway without `/v1`, shown in the status. */
  readonly gatewayUrl?: string | undefined;
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
  readonly random?: Random | undefined;
  readonly clock: Clock;
};

/** While a replica loads, time alone can change what is to be said of it: it may stall. */
const recheckMs = 10_000;
const nothing: Plan = { create: 0, remove: [] };

/** One reconcile: gather, plan, apply, report. Remembers only what it wrote and how often replacements failed. */
export function reconciler(sight: Sight, options: ReconcilerOptions): Reconcile {
  const { client, clock, events, gatewayUrl, random = Math.random } = options;
  const statuses = new StatusWriter(client, clock);
  const replacements = new Replacements(clock);

  return async (key, { signal, logger }) => {
    const seen = gather(key, sight, clock.now());
    if (!seen) {
      sight.writes.forget(key);
      statuses.forget(key);
      replacements.forget(key);
      return done();
    }
    const { deployment } = seen;
    replacements.note(key, seen);
    const plan = planFor(seen, replacements.waitMs(key) > 0);
    let failure: { readonly error: unknown } | undefined;
    try {
      await applyPlan(plan, seen, {
        client,
        writes: sight.writes,
        random,
        signal,
        onCreated: (pod) => {
          logger.info({ pod, revision: seen.revision }, 'replica created');
          events?.event(deployment, 'Normal', 'ReplicaCreated', `Created pod ${pod}.`);
        },
        onRemoved: (removal) => {
          logger.info({ pod: removal.replica.name, reason: removal.reason }, 'replica removed');
          events?.event(deployment, removal.reason === 'Ended' ? 'Warning' : 'Normal', `Replica${removal.reason}`, removalMessage(removal));
        },
      });
    } catch (error) {
      failure = { error }; // told in the status before it is thrown to the queue, which tries again
      events?.event(deployment, 'Warning', 'ReplicasNotApplied', describeError(error));
    }
    const now = clock.now();
    const { replicas } = gather(key, sight, now) ?? seen;
    const status = statusOf({
      ...seen,
      replicas,
      previous: statuses.latest(deployment),
      gatewayUrl,
      applyError: failure && describeError(failure.error),
      now,
    });
    const statusDueMs = await statuses.write(deployment, status, signal);
    if (failure) throw failure.error;
    const loads = status.loading !== undefined;
    const waits = [statusDueMs, sight.writes.expiresIn(key), replacements.waitMs(key) || undefined, loads ? recheckMs : undefined];
    const soonest = Math.min(...waits.filter((ms) => ms !== undefined));
    return Number.isFinite(soonest) ? requeueAfter(soonest) : done();
  };
}

function planFor(seen: Seen, holdCreation: boolean): Plan {
  const { deployment, acceptance, revision, replicas } = seen;
  // While a deployment ends its replicas are collected with it; one that cannot be run keeps those that it has.
  if (deployment.metadata.deletionTimestamp || !acceptance.accepted || revision === undefined) return nothing;
  const { rollout, suspend } = acceptance.spec;
  const plan = planReplicas({ ...rollout, suspend, replicas: acceptance.spec.replicas, revision }, replicas);
  return holdCreation ? { ...plan, create: 0 } : plan;
}

function removalMessage({ replica, reason }: Removal): string {
  const why =
    replica.message ??
    {
      Suspended: 'The deployment is suspended.',
      ScaledIn: 'Fewer replicas are wanted.',
      Replaced: 'A newer revision takes its place.',
      Ended: 'Its pod has ended.',
    }[reason];
  return `Deleted pod ${replica.name}. ${why}`;
}
