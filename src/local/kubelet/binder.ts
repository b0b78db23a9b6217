import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { isNotFound, type KubeClient, keyOf, type Pod, pods, type Store, timestamp } from '../../kube/index.ts';
import type { EventSink } from './event-sink.ts';
import { awaitsScheduling, type NodeOffer, unschedulable } from './schedule.ts';

const retryMs = 1_000;

type BinderOptions = {
  readonly client: KubeClient;
  readonly store: Store<Pod>;
  readonly recorder: EventSink;
  readonly nodeName: string;
  readonly offer: NodeOffer;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** The scheduler of a cluster with one node: gives each waiting pod to it, or writes why it cannot be. */
export class Binder {
  private readonly options: BinderOptions;
  private readonly busy = new Set<string>();

  constructor(options: BinderOptions) {
    this.options = options;
  }

  /** Schedules the pod; tries again until that is written, the pod needs it no more, or `signal` aborts. Never rejects. */
  async schedule(pod: Pod, signal: AbortSignal): Promise<void> {
    const { clock, logger, store } = this.options;
    const { uid = '' } = pod.metadata;
    if (this.busy.has(uid)) return;
    this.busy.add(uid);
    for (let next: Pod | undefined = pod; next && next.metadata.uid === uid && awaitsScheduling(next) && !signal.aborted; ) {
      try {
        await this.attempt(next, signal);
        break;
      } catch (error) {
        if (signal.aborted || isNotFound(error)) break;
        logger.warn({ err: error, pod: keyOf(pod) }, 'scheduling a pod failed; trying again');
        await clock.sleep(retryMs, signal).catch(() => undefined);
        next = store.get(keyOf(pod));
      }
    }
    this.busy.delete(uid);
  }

  private async attempt(pod: Pod, signal: AbortSignal): Promise<void> {
    const { client, clock, nodeName, offer, recorder } = this.options;
    const { name, namespace, uid = '' } = pod.metadata;
    const ref = { name, namespace };
    const message = unschedulable(pod, offer);
    if (message === undefined) {
      await client.mergePatch(pods, ref, { metadata: { uid }, spec: { nodeName } }, { signal });
      recorder.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${keyOf(pod)} to ${nodeName}`);
      return;
    }
    const conditions = pod.status?.conditions ?? [];
    const before = conditions.find(({ type }) => type === 'PodScheduled');
    if (before?.status === 'False' && before.message === message) return;
    const lastTransitionTime = timestamp(clock.now());
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime };
    const status = { phase: 'Pending', conditions: [...conditions.filter((one) => one !== before), condition] };
    await client.mergePatch(pods, ref, { metadata: { uid }, status }, { subresource: 'status', signal });
    recorder.event(pod, 'Warning', 'FailedScheduling', message);
  }
}
