import { modelDeploymentResource } from '../../src/api/resources.ts';
import type { Clock, Random } from '../../src/core/clock.ts';
import { describeError } from '../../src/core/failure.ts';
import type { Logger } from '../../src/core/logger.ts';
import {
  Controller,
  type ControllerMetrics,
  done,
  type EventRecorder,
  ExponentialBackoff,
  forType,
  type InformerCache,
  type KubeClient,
  nodes,
  owns,
  pods,
  type Reconcile,
  refKey,
  requeueAfter,
} from '../../src/kube/index.ts';
import { AgentClient } from './agent-client.ts';
import { applyPlan } from './apply.ts';
import { byController, controllerUid, gather, type Seen, type Sight } from './gather.ts';
import { PendingWrites } from './pending-writes.ts';
import { type Plan, planReplicas, type Removal } from './plan.ts';
import { probeSource } from './probe-source.ts';
import { type FetchStatus, StatusProber } from './prober.ts';
import { statusOf } from './status.ts';
import { modelDeployments, StatusWriter } from './status-writer.ts';

export type ModelDeploymentControllerOptions = {
  readonly client: KubeClient;
  readonly cache: InformerCache;
  /** Image of replicas whose spec names none. */
  readonly workerImage: string;
  /** Address of the gateway without `/v1`, shown in the status. */
  readonly gatewayUrl?: string | undefined;
  /** How to ask agents; over HTTP unless told. */
  readonly fetchStatus?: FetchStatus | undefined;
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
  readonly random?: Random | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: ControllerMetrics | undefined;
  /** Deployments in work at a time; 8 unless told. */
  readonly concurrency?: number | undefined;
};

/** While a replica loads, time alone can change what is to be said of it: it may stall. */
const recheckMs = 10_000;
const nothing: Plan = { create: 0, remove: [] };

/** The controller that gives every ModelDeployment its replicas and its status. The informers of `cache` must run. */
export function modelDeploymentController(options: ModelDeploymentControllerOptions): Controller {
  const { client, cache, clock, logger, metrics } = options;
  const deployments = cache.informer(modelDeployments);
  const replicas = cache.informer(pods, { indexers: { [byController]: controllerUid } });
  const agents = options.fetchStatus ? undefined : new AgentClient();
  const fetchStatus = options.fetchStatus ?? agents?.fetchStatus;
  if (!fetchStatus) throw new TypeError('nothing to ask agents with');
  const prober = new StatusProber({ fetchStatus, clock, logger });
  const writes = new PendingWrites(clock);
  replicas.addHandler({
    delete: (pod) => {
      for (const owner of pod.metadata.ownerReferences ?? [])
        writes.gone(refKey({ namespace: pod.metadata.namespace, name: owner.name }), pod.metadata.uid ?? '');
    },
  });
  const sight: Sight = {
    deployments: deployments.store,
    pods: replicas.store,
    nodes: cache.informer(nodes).store,
    writes,
    probe: (uid) => prober.latest(uid),
    workerImage: options.workerImage,
  };
  return new Controller({
    name: 'modeldeployment',
    reconcile: reconciler(sight, new StatusWriter(client, clock), options),
    sources: [
      forType(deployments),
      owns(replicas, modelDeploymentResource),
      probeSource(replicas, prober, () => {
        agents?.close().catch((error: unknown) => logger.warn({ err: error }, 'closing the connections to agents failed'));
      }),
    ],
    concurrency: options.concurrency ?? 8,
    reconcileTimeoutMs: 60_000,
    clock,
    logger,
    metrics,
  });
}

/** Gather, plan, apply, report. */
function reconciler(sight: Sight, statuses: StatusWriter, options: ModelDeploymentControllerOptions): Reconcile {
  const { client, clock, events, gatewayUrl, random = Math.random } = options;
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

/** Delays the replacement of pods that end for good again and again, for each deployment; a ready replica ends the delay. */
class Replacements {
  private readonly backoff = new ExponentialBackoff(1_000, 300_000);
  private readonly counted = new Map<string, { readonly uids: Set<string>; notBefore: number; revision: string | undefined }>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  note(key: string, { replicas, revision }: Seen): void {
    const ended = replicas.filter(({ finished }) => finished);
    const known = this.counted.get(key);
    if (known && (known.revision !== revision || replicas.every(({ ready }) => ready))) this.forget(key);
    for (const { uid } of ended) {
      const entry = this.counted.get(key) ?? { uids: new Set<string>(), notBefore: 0, revision };
      if (entry.uids.has(uid)) continue;
      entry.uids.add(uid);
      entry.notBefore = this.clock.now() + this.backoff.delay(key);
      this.counted.set(key, entry);
    }
  }

  waitMs(key: string): number {
    return Math.max(0, (this.counted.get(key)?.notBefore ?? 0) - this.clock.now());
  }

  forget(key: string): void {
    this.backoff.forget(key);
    this.counted.delete(key);
  }
}
