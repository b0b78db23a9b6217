import type { Registry } from 'prom-client';
import type { DemandWatch } from '../../controllers/demand/demand-watch.ts';
import type { WorkerReports } from '../../controllers/demand/worker-reports.ts';
import { addWorkerWatch } from '../../controllers/demand/worker-watch.ts';
import { modelDeployments } from '../../controllers/modeldeployment/status-writer.ts';
import { systemClock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { type InformerCache, type KubeClient, type Manager, refKey } from '../kube/index.ts';
import { DemandMetrics } from '../local/demand-metrics.ts';
import { RequestMetrics } from '../metrics-api/request-metrics.ts';
import { podNamespace } from './pod-namespace.ts';

/** The flags of the metrics API. */
export type MetricsApiFlags = {
  readonly host: string;
  /** Reconcile, and tell of, this namespace only. */
  readonly namespace?: string;
  /** Off unless given. */
  readonly metricsApiPort?: number;
  readonly metricsApiService: string;
  readonly metricsApiNamespace?: string;
};

type Parts = {
  readonly manager: Manager;
  readonly cache: InformerCache;
  /** Writes only while its process leads. */
  readonly client: KubeClient;
  /** Writes whether its process leads or not. */
  readonly anytimeClient: KubeClient;
  readonly demand: DemandWatch | undefined;
  readonly reports: WorkerReports;
  readonly registry: Registry;
  readonly logger: Logger;
};

/** Not the name of the index that the controller has: an index is of one function. */
const byPlace = 'metrics-namespace';

/** Adds the metrics API to the controller when it is asked for: served by every process, its certificate kept by the one that leads. */
export async function addMetricsApi(
  flags: MetricsApiFlags,
  { manager, cache, client, anytimeClient, demand, reports, registry, logger }: Parts,
): Promise<void> {
  const { host, metricsApiPort: port } = flags;
  if (port === undefined) return;
  if (!demand)
    throw new Error('The metrics API tells what the gateways count: give --stats-token-file too, or leave out --metrics-api-port.');
  const service = { namespace: namespaceOf(flags), name: flags.metricsApiService };
  const secret = { namespace: service.namespace, name: `${service.name}-tls` };
  const scope = flags.namespace === undefined ? {} : { namespace: flags.namespace };
  const { store } = cache.informer(modelDeployments, {
    ...scope,
    indexers: { [byPlace]: ({ metadata }) => [metadata.namespace ?? ''] },
  });
  // Loaded only when used: the rest of the controller needs no HTTP library.
  const [{ metricsApi }, { CertificateKeeper }] = await Promise.all([
    import('../metrics-api/metrics-api.ts'),
    import('../metrics-api/certificates/keeper.ts'),
  ]);
  const clock = systemClock;
  const deployments = (namespace: string) => store.byIndex(byPlace, namespace).map(({ metadata }) => metadata);
  const names = {
    in: (namespace: string) => deployments(namespace).map(({ name }) => name),
    ready(namespace: string, name: string) {
      const found = store.get(refKey({ namespace, name }));
      return found && (found.status?.readyReplicas ?? 0);
    },
  };
  const source = new DemandMetrics({ demand, reports, deployments: names, clock });
  const objects = (namespace: string) => deployments(namespace).map(({ name, labels = {} }) => ({ name, labels }));
  addWorkerWatch(scope, { manager, cache, deployments: store, reports, clock, logger });
  manager.addRunnable(source);
  manager.addRunnable(
    metricsApi({
      host,
      port,
      flag: '--metrics-api-port',
      client: anytimeClient,
      secret,
      source,
      objects,
      requests: new RequestMetrics(registry),
      clock,
      logger,
    }),
  );
  manager.addController(() => new CertificateKeeper({ client, secret, service, clock, logger }));
}

function namespaceOf({ metricsApiNamespace: given }: MetricsApiFlags): string {
  const namespace = given ?? podNamespace();
  if (namespace === undefined)
    throw new Error('The metrics API outside of a pod needs to know where its Service is: give --metrics-api-namespace.');
  return namespace;
}
