import type { Clock, Random } from '../../src/core/clock.ts';
import { describeError, Failure } from '../../src/core/failure.ts';
import {
  done,
  type EventRecorder,
  isConflict,
  type KubeClient,
  type Reconcile,
  type ReconcileContext,
  type Result,
  requeueAfter,
} from '../../src/kube/index.ts';
import type { Scaling } from '../scaling/scaling.ts';
import { type Applied, applyPlan, type ReplicaWriter } from './apply.ts';
import { drainDueMs } from './drain.ts';
import { DrainFinalizer } from './drain-finalizer.ts';
import type { Duties } from './duties.ts';
import { explained } from './explain.ts';
import { formerly } from './former.ts';
import { gather, type Seen, type Sight } from './gather.ts';
import type { Plan } from './plan.ts';
import { planFor } from './planning.ts';
import { Refusals } from './refusals.ts';
import { Replacements } from './replacements.ts';
import { eventsOf } from './replica-events.ts';
import { Reporter } from './report.ts';
import type { Obstacle } from './status-observation.ts';
import { scalingDueMs } from './status-scaling.ts';

export type ReconcilerOptions = {
  readonly client: ReplicaWriter & Pick<KubeClient, 'apply'>;
  /** Address of the gateway without `/v1`, shown in the status. */
  readonly gatewayUrl?: string | undefined;
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
  /** Who owns the pods, their history and their disruption budget; none of it is kept unless given. */
  readonly duties?: Pick<Duties, 'claim' | 'keep' | 'forget'> | undefined;
  /** Who keeps the autoscaler, and does what it does not: from zero and to zero. Nothing scales unless given. */
  readonly scaling?: Pick<Scaling, 'turn' | 'keep' | 'forget'> | undefined;
  readonly random?: Random | undefined;
  readonly clock: Clock;
};

/** While a replica loads or ends, time alone can change what is to be said of it: it may stall, or be lost. */
function recheckMs({ noProgressTimeoutMs }: Seen): number {
  return Math.max(1_000, Math.min(10_000, noProgressTimeoutMs));
}

/** One reconcile after the other, of any deployment: gather, plan, apply, report. */
export function reconciler(sight: Sight, options: ReconcilerOptions): Reconcile {
  const one = new Reconciler(sight, options);
  return (key, context) => one.reconcile(key, context);
}

/** What came of a plan. */
type Outcome = {
  /** What the server refuses, until somebody changes something. */
  readonly refusal: Failure | undefined;
  /** What went wrong with the replicas, and may go well the next time. */
  readonly failure: Applied['failure'];
  /** In how many milliseconds the duties want to look again. */
  readonly dutiesDueMs?: number | undefined;
  /** In how many milliseconds the model may go to sleep. */
  readonly turnDueMs?: number | undefined;
  /** What went wrong with the duties: nothing that replicas wait for. */
  readonly neglect?: Applied['failure'];
};

/**
 * Remembers only what it wrote, what was refused and how often replacements failed: another process that takes over begins
 * with what the cluster says.
 */
class Reconciler {
  private readonly sight: Sight;
  private readonly options: ReconcilerOptions;
  private readonly reporter: Reporter;
  private readonly replacements: Replacements;
  private readonly refusals: Refusals;
  private readonly finalizer: DrainFinalizer;

  constructor(sight: Sight, options: ReconcilerOptions) {
    this.sight = sight;
    this.options = options;
    this.reporter = new Reporter(sight, options);
    this.replacements = new Replacements(options.clock);
    this.refusals = new Refusals(options.clock);
    this.finalizer = new DrainFinalizer(options.client);
  }

  async reconcile(key: string, context: ReconcileContext): Promise<Result> {
    const seen = await this.gather(key, context);
    if (!seen) return done();
    const turned = await this.turn(seen, context);
    if (turned === 'written') return done(); // the cache brings the spec that was written
    const plan = this.plan(key, seen);
    const applied = await this.apply(key, plan, seen, context);
    // Somebody waits for pods: all else comes in a turn of its own, behind the deployments that wait for theirs.
    if (context.urgent) return requeueAfter(0);
    const kept = await this.keep(key, seen, context);
    return this.report(key, plan, { ...applied, ...turned, ...kept }, this.look(key) ?? seen, context);
  }

  /** What is there, once pods that are the deployment's by right are. */
  private async gather(key: string, { logger, signal }: ReconcileContext): Promise<Seen | undefined> {
    const { duties, scaling } = this.options;
    const seen = this.look(key);
    if (!seen) {
      for (const memory of [this.sight.writes, this.reporter, this.replacements, this.refusals, this.finalizer, duties, scaling])
        memory?.forget(key);
      return undefined;
    }
    return (await duties?.claim(seen, logger, signal)) ? this.look(key) : seen;
  }

  /** From zero or to zero, when it is time to. What goes wrong there keeps no replica from being made or ended. */
  private async turn(seen: Seen, { logger, signal }: ReconcileContext): Promise<'written' | Pick<Outcome, 'turnDueMs' | 'neglect'>> {
    try {
      const turn = await this.options.scaling?.turn(this.newest(seen), logger, signal);
      return turn?.written ? 'written' : { turnDueMs: turn?.dueMs };
    } catch (error) {
      if (isConflict(error)) throw error;
      return { neglect: { error } };
    }
  }

  private look(key: string): Seen | undefined {
    return gather(key, this.sight, this.options.clock.now());
  }

  /** With the version that our own last write was answered with. */
  private newest(seen: Seen): Seen {
    return { ...seen, deployment: this.reporter.newest(seen.deployment) };
  }

  private plan(key: string, seen: Seen): Plan {
    if (seen.revision !== undefined) this.replacements.note(key, seen.revision, seen.replicas);
    const plan = planFor(seen, this.replacements.waitMs(key) > 0, this.options.clock.now());
    if (!creates(plan)) this.refusals.forget(key);
    return this.refusals.holds(key, situationOf(seen)) ? { ...plan, create: 0, restore: undefined } : plan;
  }

  private async apply(key: string, plan: Plan, seen: Seen, { urgent, logger, signal }: ReconcileContext): Promise<Outcome> {
    const { client, clock, events, random = Math.random } = this.options;
    const { deployment, revision } = seen;
    const situation = situationOf(seen);
    const { writes } = this.sight;
    const finalizer = urgent ? undefined : this.finalizer;
    const applied = await applyPlan(plan, seen, { client, writes, finalizer, former: this.former(plan, seen), random, clock, signal });
    for (const { type, reason, message } of eventsOf(applied)) {
      logger.info({ reason, revision }, message);
      events?.event(deployment, type, reason, message);
    }
    const error = applied.failure?.error;
    if (error instanceof Failure) {
      if (this.refusals.note(key, situation, error)) logger.warn({ reason: error.reason, detail: error.message }, 'replicas are refused');
    } else if (creates(plan) && !applied.failure) this.refusals.forget(key);
    const failure = error instanceof Failure ? undefined : applied.failure;
    return { refusal: this.refusals.current(key, situation), failure };
  }

  /** What the plan restores. */
  private former({ restore }: Plan, seen: Seen): Seen | undefined {
    const { revisions, defaults } = this.sight;
    return restore && revisions && formerly(seen, restore.revision, { revisions, defaults });
  }

  private async keep(key: string, seen: Seen, { signal }: ReconcileContext): Promise<Pick<Outcome, 'dutiesDueMs' | 'neglect'>> {
    const { duties, scaling } = this.options;
    const newest = this.look(key) ?? seen;
    const kept = await Promise.allSettled([duties?.keep(newest, signal), scaling?.keep(newest, signal)]);
    const failed = kept.find((result) => result.status === 'rejected');
    const waits = kept.flatMap((result) => (result.status === 'fulfilled' && result.value !== undefined ? [result.value] : []));
    return { dutiesDueMs: waits.length > 0 ? Math.min(...waits) : undefined, ...(failed && { neglect: { error: failed.reason } }) };
  }

  private async report(key: string, { halted }: Plan, outcome: Outcome, seen: Seen, { signal }: ReconcileContext): Promise<Result> {
    const now = this.options.clock.now();
    const releaseDueMs = await this.finalizer.release(this.newest(seen), now, signal);
    if (releaseDueMs === 'released') return done();
    const { status, dueMs } = await this.reporter.report(key, seen, { obstacle: obstacleOf(outcome), halted }, signal);
    // Told in the status first; the queue tries again.
    const failure = outcome.failure ?? outcome.neglect;
    if (failure) throw failure.error;
    const inMotion = status.loading !== undefined || seen.replicas.some(({ terminating, lost }) => terminating && !lost);
    return soonest([
      dueMs,
      releaseDueMs,
      outcome.dutiesDueMs,
      outcome.turnDueMs,
      scalingDueMs(seen, status, now),
      this.sight.writes.expiresIn(key),
      this.replacements.waitMs(key) || undefined,
      this.refusals.waitMs(key) || undefined,
      inMotion ? recheckMs(seen) : undefined,
      ...seen.replicas.map((replica) => drainDueMs(replica, seen.drainTimeoutMs, now)),
    ]);
  }
}

function creates({ create, restore }: Plan): boolean {
  return create > 0 || restore !== undefined;
}

function soonest(waits: readonly (number | undefined)[]): Result {
  const ms = Math.min(...waits.filter((wait) => wait !== undefined));
  return Number.isFinite(ms) ? requeueAfter(ms) : done();
}

/** All that a refusal may hang on and that we see: when it changes, it is worth another try at once. */
function situationOf({ deployment, revision, podSecurity }: Seen): string {
  return JSON.stringify([deployment.metadata.uid, deployment.metadata.generation, revision, podSecurity]);
}

function obstacleOf({ refusal, failure }: Outcome): Obstacle | undefined {
  if (refusal) return { ...explained(refusal.reason, refusal.message), refused: true };
  return failure && { reason: 'ReplicasNotApplied', message: describeError(failure.error), refused: false };
}
