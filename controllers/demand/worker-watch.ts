import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { isReplicaReady } from '../../src/api/replica.ts';
import { labels } from '../../src/api/resources.ts';
import type { Clock } from '../../src/core/clock.ts';
import { type Logger, silentLogger } from '../../src/core/logger.ts';
import { type InformerCache, type Manager, pods, refKey, type Store } from '../../src/kube/index.ts';
import { readAnswer } from '../modeldeployment/agent-answer.ts';
import { fetchStatus } from '../modeldeployment/agent-client.ts';
import { byController, controllerUid } from '../modeldeployment/gather.ts';
import { Lanes } from '../modeldeployment/lanes.ts';
import { targetOf } from '../modeldeployment/probe-source.ts';
import type { FetchStatus, Target } from '../modeldeployment/prober.ts';
import { slimPod } from '../modeldeployment/slim-pod.ts';
import type { WorkerReports } from './worker-reports.ts';

/** An autoscaler looks each 15 s, and an answer counts for as long: so often at least, */
const longestRoundMs = 12_000;
/** and so often where that costs little: a question is about half a millisecond of CPU (docs/adr/0005). */
const shortestRoundMs = 5_000;
const questionsPerSecond = 100;
const timeoutMs = 2_000;
const atATime = 16;

type Worker = Pick<Target, 'owner' | 'uid' | 'host' | 'managementPort'>;

export type WorkerWatchOptions = {
  /** Whom to ask in this round. */
  readonly workers: () => readonly Worker[];
  readonly fetchStatus: FetchStatus;
  readonly reports: Pick<WorkerReports, 'told'>;
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
};

/**
 * Asks workers whose own numbers a model is scaled by, each five seconds, or twelve where they are many. The prober of the controller asks them too, but only where it
 * leads, and not so often; an autoscaler may ask any process.
 */
export class WorkerWatch {
  readonly name = 'worker-watch';
  private readonly options: WorkerWatchOptions;
  private readonly logger: Logger;
  private readonly lanes = new Lanes(atATime);

  constructor(options: WorkerWatchOptions) {
    this.options = options;
    this.logger = options.logger ?? silentLogger;
  }

  /** Asks until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { workers, clock } = this.options;
    while (!signal.aborted) {
      const began = clock.now();
      const asked = workers();
      await Promise.all(asked.map((worker) => this.ask(worker, signal)));
      await clock.sleep(Math.max(0, began + roundMs(asked.length) - clock.now()), signal).catch(() => {}); // aborted: the loop sees it
    }
  }

  private async ask(worker: Worker, stop: AbortSignal): Promise<void> {
    const { reports, clock, fetchStatus } = this.options;
    try {
      await this.lanes.run(async () => {
        const answer = await this.inTime((signal) => fetchStatus(worker, signal), stop);
        reports.told(worker.owner, worker.uid, readAnswer(answer, clock.now()));
      }, stop);
    } catch (error) {
      // What it told before grows old, and then no longer counts.
      if (!stop.aborted) this.logger.debug({ err: error, replica: worker }, 'an agent did not answer');
    }
  }

  private async inTime(work: (signal: AbortSignal) => Promise<unknown>, stop: AbortSignal): Promise<unknown> {
    const late = new AbortController();
    const over = new AbortController();
    this.options.clock.sleep(timeoutMs, over.signal).then(
      () => late.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError')),
      () => {}, // answered in time
    );
    return await work(AbortSignal.any([stop, late.signal])).finally(() => over.abort());
  }
}

/** From one round to the next, with so many to ask. */
function roundMs(workers: number): number {
  return Math.min(longestRoundMs, Math.max(shortestRoundMs, (workers / questionsPerSecond) * 1_000));
}

type Parts = {
  readonly manager: Manager;
  readonly cache: InformerCache;
  readonly deployments: Pick<Store<ModelDeployment>, 'list'>;
  readonly reports: WorkerReports;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Asks the workers of models that are scaled by their KV cache, as long as `manager` runs, whether its process leads or not. */
export function addWorkerWatch(
  scope: { readonly namespace?: string },
  { manager, cache, deployments, reports, clock, logger }: Parts,
): void {
  // As the controller selects them: there is one informer for both.
  const replicas = cache.informer(pods, {
    ...scope,
    labelSelector: labels.model,
    transform: slimPod,
    indexers: { [byController]: controllerUid },
  });
  replicas.addHandler({
    delete: ({ metadata: { namespace, uid = '', ownerReferences = [] } }) => {
      for (const { name } of ownerReferences) reports.forget(refKey({ namespace, name }), uid);
    },
  });
  const workers = () =>
    deployments
      .list()
      .filter(({ spec }) => spec.scaling?.targetKVCacheUsage !== undefined)
      .flatMap(({ metadata }) => replicas.store.byIndex(byController, metadata.uid ?? ''))
      // Those that load, or do not answer their kubelet either, have nothing to tell, and would keep the others waiting.
      .filter(isReplicaReady)
      .flatMap((pod) => targetOf(pod) ?? []);
  manager.addRunnable(new WorkerWatch({ workers, fetchStatus, reports, clock, logger }));
}
