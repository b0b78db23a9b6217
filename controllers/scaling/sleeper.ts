import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { annotations } from '../../src/api/resources.ts';
import type { Clock } from '../../src/core/clock.ts';
import { formatDuration } from '../../src/core/durations.ts';
import type { Logger } from '../../src/core/logger.ts';
import { type EventRecorder, isNotFound, type KubeClient, keyOf, type MergePatch, timestamp } from '../../src/kube/index.ts';
import type { Demand } from '../demand/demand.ts';
import type { DemandWatch } from '../demand/demand-watch.ts';
import type { Acceptance } from '../modeldeployment/acceptance.ts';
import type { Replica } from '../modeldeployment/replica.ts';
import { modelDeployments } from '../modeldeployment/status-writer.ts';
import { isOnTheWay } from '../modeldeployment/tally.ts';
import type { ScalingMetrics } from './metrics.ts';
import type { Silence } from './silence.ts';
import { type Turn, turnOf } from './turn.ts';

export type SleeperOptions = {
  readonly client: Pick<KubeClient, 'mergePatch'>;
  readonly demand: Pick<DemandWatch, 'of'>;
  readonly silence: Pick<Silence, 'since' | 'isSilent' | 'forget'>;
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
  readonly metrics?: ScalingMetrics | undefined;
  readonly clock: Clock;
};

/** What a turn must know of a deployment. */
type SleeperSeen = {
  readonly deployment: ModelDeployment;
  readonly ending: boolean;
  readonly acceptance: Acceptance;
  readonly replicas: readonly Replica[];
};

/** What came of it: whether the spec was written, so that the cache will tell of another; else when to look again, if ever. */
type Outcome = { readonly written: boolean; readonly dueMs?: number | undefined };

const nothing: Outcome = { written: false };

/** Puts models to sleep that nobody asks for, and wakes them at the first request. */
export class Sleeper {
  private readonly options: SleeperOptions;

  constructor(options: SleeperOptions) {
    this.options = options;
  }

  /** Takes a deployment to zero or to one when it is time to. To be called before its replicas are planned. */
  async turn({ deployment, ending, acceptance, replicas }: SleeperSeen, logger: Logger, signal: AbortSignal): Promise<Outcome> {
    if (ending || !acceptance.accepted) return nothing;
    const { silence, demand, clock } = this.options;
    const key = keyOf(deployment);
    const { spec } = acceptance;
    const isWatched = spec.replicas > 0 && !spec.suspend && spec.scaling?.minReplicas === 0;
    if (!isWatched) silence.forget(key);
    const turn = turnOf(
      {
        deployment,
        spec,
        waiting: demand.of(key).waiting,
        silentSince: isWatched ? silence.since(key, replicas) : clock.now(),
        silent: isWatched && silence.isSilent(key, replicas),
        replicas: replicas.length,
        loading: replicas.some(isOnTheWay),
      },
      clock.now(),
    );
    if (turn.do === 'nothing') return { written: false, dueMs: turn.dueMs };
    const written = await this.write(deployment, patchOf(turn, clock.now()), signal);
    if (written) this.tell(turn, deployment, spec.replicas, demand.of(key), logger);
    return { written: true };
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.options.silence.forget(key);
    this.options.metrics?.forget(key);
  }

  /** On the version that was seen: who changed the spec meanwhile is right. Answers whether it was there. */
  private async write({ metadata }: ModelDeployment, patch: Change, signal: AbortSignal): Promise<boolean> {
    const { namespace, name, uid, resourceVersion } = metadata;
    const { metadata: change, ...rest } = patch;
    const onVersion = { ...rest, metadata: { ...change, ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) } };
    try {
      await this.options.client.mergePatch<ModelDeployment>(modelDeployments, { namespace, name }, onVersion, { signal });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  private tell(turn: Turn, deployment: ModelDeployment, replicas: number, demand: Demand, logger: Logger): void {
    const { events, metrics } = this.options;
    if (turn.do !== 'sleep' && turn.do !== 'wake') return;
    const message = turn.do === 'sleep' ? lullaby(turn.silentMs, replicas) : alarm(turn.cause, demand);
    logger.info({ turn: turn.do }, message);
    events?.event(deployment, 'Normal', turn.do === 'sleep' ? 'PutToSleep' : 'Woken', message);
    if (turn.do === 'sleep') metrics?.slept(keyOf(deployment));
    else metrics?.woke(keyOf(deployment));
  }
}

type Change = MergePatch<ModelDeployment> & { readonly metadata: { readonly annotations: Readonly<Record<string, string | null>> } };

function patchOf(turn: Exclude<Turn, { readonly do: 'nothing' }>, now: number): Change {
  switch (turn.do) {
    case 'sleep':
      return { metadata: { annotations: { [annotations.asleep]: timestamp(now) } }, spec: { replicas: 0 } };
    case 'begin':
      return { metadata: { annotations: { [annotations.asleep]: timestamp(now) } } };
    case 'wake':
      return { metadata: { annotations: { [annotations.asleep]: null } }, spec: { replicas: 1 } };
    case 'awaken':
      return { metadata: { annotations: { [annotations.asleep]: null } } };
  }
}

function lullaby(silentMs: number, replicas: number): string {
  const from = replicas === 1 ? '1 replica' : `${replicas} replicas`;
  return `No request for ${formatDuration(silentMs)} and nothing loads: from ${from} to none. The next request wakes it.`;
}

function alarm(cause: Extract<Turn, { readonly do: 'wake' }>['cause'], { waiting, gateways }: Demand): string {
  switch (cause) {
    case 'Requests': {
      const requests = waiting === 1 ? '1 request waits' : `${waiting} requests wait`;
      return `${requests} at ${gateways === 1 ? 'the gateway' : `${gateways} gateways`}: from no replica to 1.`;
    }
    case 'MinReplicas':
      return 'scaling.minReplicas is above 0 now: from no replica to 1.';
    case 'NotScaled':
      return 'spec.scaling was removed, and with it who would wake it: from no replica to 1. Set spec.replicas to 0 to have none.';
  }
}
