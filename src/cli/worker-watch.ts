import type { WorkerReports } from '../../controllers/demand/worker-reports.ts';
import { WorkerWatch } from '../../controllers/demand/worker-watch.ts';
import { fetchStatus } from '../../controllers/modeldeployment/agent-client.ts';
import { byController, controllerUid } from '../../controllers/modeldeployment/gather.ts';
import { targetOf } from '../../controllers/modeldeployment/probe-source.ts';
import { slimPod } from '../../controllers/modeldeployment/slim-pod.ts';
import type { ModelDeployment } from '../api/model-deployment.ts';
import { labels } from '../api/resources.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { type InformerCache, type Manager, pods, refKey, type Store } from '../kube/index.ts';

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
      .flatMap((pod) => targetOf(pod) ?? []);
  manager.addRunnable(new WorkerWatch({ workers, fetchStatus, reports, clock, logger }));
}
