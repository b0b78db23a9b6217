import type { Clock, Random } from '../../src/core/clock.ts';
import { describeError, Failure } from '../../src/core/failure.ts';
import { done, type EventRecorder, type KubeClient, type Reconcile, requeueAfter } from '../../src/kube/index.ts';
import { applyPlan, type PodWriter } from './apply.ts';
import { explained } from './explain.ts';
import { gather, type Seen, type Sight } from './gather.ts';
import { noPlan, type Plan, planReplicas, type Removal } from './plan.ts';
import { Refusals } from './refusals.ts';
import { Replacements } from './replacements.ts';
import { type Obstacle, statusOf } from './status.ts';
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

/** One reconcile: gather, plan, apply, report. Remembers only what it wrote, what was refused and how often replacements failed. */
export function reconciler(sight: Sight, options: ReconcilerOptions): Reconcile {
  const { client, clock, events, gatewayUrl, random = Math.random } = options;
  const statuses = new StatusWriter(client, clock);
  const replacements = new Replacements(clock);
  const refusals = new Refusals(clock);

  return async (key, { signal, logger }) => {
    const seen = gather(key, sight, clock.now());
    if (!seen) {
      sight.writes.forget(key);
      statuses.forget(key);
      replacements.forget(key);
      refusals.forget(key);
      return done();
    }
    const { deployment } = seen;
    replacements.note(key, seen);
    const wanted = planFor(seen, replacements.waitMs(key) > 0);
    const situation = situationOf(seen);
    if (wanted.create === 0) refusals.forget(key);
    const held = refusals.current(key, situation) !== undefined && refusals.waitMs(key) > 0;
    const plan = held ? { ...wanted, create: 0 } : wanted;
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
      if (plan.create > 0) refusals.forget(key);
    } catch (error) {
      if (!(error instanceof Failure)) {
        failure = { error }; // told in the status before it is thrown to the queue, which tries again
      } else if (refusals.note(key, situation, error)) {
        const { reason, message } = explained(error.reason, error.message);
        logger.warn({ reason, detail: error.message }, 'replicas are refused');
        events?.event(deployment, 'Warning', reason, message);
      }
    }
    const now = clock.now();
    const { replicas } = gather(key, sight, now) ?? seen;
    const status = statusOf({
      ...seen,
      replicas,
      previous: statuses.latest(deployment),
      gatewayUrl,
      obstacle: obstacleOf(refusals.current(key, situation), failure),
      now,
    });
    const statusDueMs = await statuses.write(deployment, status, signal);
    if (failure) throw failure.error;
    const loads = status.loading !== undefined;
    const waits = [
      statusDueMs,
      sight.writes.expiresIn(key),
      replacements.waitMs(key) || undefined,
      refusals.waitMs(key) || undefined,
      loads ? recheckMs : undefined,
    ];
    const soonest = Math.min(...waits.filter((ms) => ms !== undefined));
    return Number.isFinite(soonest) ? requeueAfter(soonest) : done();
  };
}

function planFor(seen: Seen, holdCreation: boolean): Plan {
  const { ending, acceptance, revision, replicas } = seen;
  // While a deployment ends its replicas are collected with it; one that cannot be run keeps those that it has.
  if (ending || !acceptance.accepted || revision === undefined) return noPlan;
  const { rollout, suspend } = acceptance.spec;
  const plan = planReplicas({ ...rollout, suspend, replicas: acceptance.spec.replicas, revision }, replicas);
  return holdCreation ? { ...plan, create: 0 } : plan;
}

/** All that a refusal may hang on and that we see: when it changes, it is worth another try at once. */
function situationOf({ deployment, revision, podSecurity }: Seen): string {
  return JSON.stringify([deployment.metadata.uid, deployment.metadata.generation, revision, podSecurity]);
}

function obstacleOf(refusal: Failure | undefined, failure: { readonly error: unknown } | undefined): Obstacle | undefined {
  if (refusal) return { ...explained(refusal.reason, refusal.message), refused: true };
  return failure && { reason: 'ReplicasNotApplied', message: describeError(failure.error), refused: false };
}

function removalMessage({ replica, reason }: Removal): string {
  const why =
    replica.message ??
    {
      Suspended: 'The deployment is suspended.',
      ScaledIn: 'Fewer replicas are wanted.',
      Replaced: 'A newer revision takes its place.',
      Deleted: 'The deployment is deleted.',
      Ended: 'Its pod has ended.',
      Stalled: 'It no longer gets on.',
      Lost: 'Its node is gone.',
      Drained: 'It has nothing left to do.',
      DrainTimeout: 'It was not done in time.',
    }[reason];
  return `Deleted pod ${replica.name}. ${why}`;
}
