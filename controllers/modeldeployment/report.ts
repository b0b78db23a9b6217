import type { ModelDeployment, ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { EventRecorder, KubeClient, Pod, Store } from '../../src/kube/index.ts';
import { announcements } from './announce.ts';
import { byController, type Seen } from './gather.ts';
import { LoadMemory } from './load-memory.ts';
import { byLearnedModel, modelIdentity, type PhaseTimes, timesFor } from './load-times.ts';
import { takenNames } from './names.ts';
import { statusOf } from './status.ts';
import type { Obstacle, Trouble } from './status-observation.ts';
import { StatusWriter } from './status-writer.ts';

type ReportOptions = {
  readonly client: Pick<KubeClient, 'apply'>;
  /** Address of the gateway without `/v1`, shown in the status. */
  readonly gatewayUrl?: string | undefined;
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
  readonly clock: Clock;
};

type ReportSight = {
  readonly deployments: Pick<Store<ModelDeployment>, 'get' | 'byIndex'>;
  readonly pods: Pick<Store<Pod>, 'byIndex'>;
};

/** What a reconcile came to, beside what is seen. */
type Outcome = { readonly obstacle?: Obstacle | undefined; readonly halted?: Trouble | undefined };

type Told = {
  readonly status: ModelDeploymentStatus;
  /** Milliseconds until the status must be told again; undefined when all is told. */
  readonly dueMs: number | undefined;
};

/** The last stage of a reconcile: tells people and programs how a deployment fares, in its status and then in events. */
export class Reporter {
  private readonly sight: ReportSight;
  private readonly options: ReportOptions;
  private readonly statuses: StatusWriter;
  private readonly loads = new LoadMemory();

  constructor(sight: ReportSight, options: ReportOptions) {
    this.sight = sight;
    this.options = options;
    this.statuses = new StatusWriter(options.client, options.clock);
  }

  /** Works out the status, writes it when it is time to, and announces what is new in it. */
  async report(key: string, seen: Seen, outcome: Outcome, signal: AbortSignal): Promise<Told> {
    const { deployment } = seen;
    const { clock, gatewayUrl, events } = this.options;
    const now = clock.now();
    const previous = this.statuses.latest(deployment);
    const replicas = this.loads.look(key, this.loadsOf(seen, previous), now);
    const lessons = this.loads.lessonsOf(key);
    const taken = takenNames(deployment, this.sight.deployments);
    const status = statusOf({ ...seen, ...outcome, replicas, previous, lessons, taken, gatewayUrl, now });
    const { stored, dueMs } = await this.statuses.write(deployment, status, signal);
    if (stored) {
      this.loads.taught(key);
      for (const { type, reason, message } of announcements(previous, status)) events?.event(deployment, type, reason, message);
    }
    return { status, dueMs };
  }

  /** The deployment as our last write of its status left it, when the cache is behind. */
  newest(deployment: ModelDeployment): ModelDeployment {
    return this.statuses.newest(deployment);
  }

  /** The deployment is gone. */
  forget(key: string): void {
    this.statuses.forget(key);
    this.loads.forget(key);
  }

  private loadsOf(seen: Seen, previous: ModelDeploymentStatus | undefined) {
    const { deployment, replicas, nodeClasses } = seen;
    const model = modelIdentity(deployment.spec);
    const pods = new Map(this.sight.pods.byIndex(byController, deployment.metadata.uid ?? '').map((pod) => [pod.metadata.uid ?? '', pod]));
    const found = new Map<string | undefined, PhaseTimes | undefined>();
    /** Its own times first; for the first load those of any deployment of the same model. */
    const timesOn = (nodeClass: string | undefined): PhaseTimes | undefined => {
      if (!found.has(nodeClass)) {
        const own = timesFor(previous?.loadTimes ?? [], model, nodeClass);
        const others = () => this.sight.deployments.byIndex(byLearnedModel, model).flatMap(({ status }) => status?.loadTimes ?? []);
        found.set(nodeClass, own ?? timesFor(others(), model, nodeClass));
      }
      return found.get(nodeClass);
    };
    return { model, replicas, pods, nodeClasses, timesOn };
  }
}
