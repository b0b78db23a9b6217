import { Registry } from 'prom-client';
import { WorkerReports } from '../../controllers/demand/worker-reports.ts';
import { addWorkerWatch } from '../../controllers/demand/worker-watch.ts';
import { modelDeploymentController } from '../../controllers/modeldeployment/controller.ts';
import { ScalingMetrics } from '../../controllers/scaling/metrics.ts';
import { customResourceDefinitions } from '../api/crd/definitions.ts';
import type { ModelDeployment } from '../api/model-deployment.ts';
import { modelDeploymentResource, tenantResource } from '../api/resources.ts';
import type { Tenant } from '../api/tenant.ts';
import { generateApiKey, hashApiKey } from '../core/api-keys.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { startGateway } from '../gateway/gateway.ts';
import { EventRecorder, InformerCache, isNotFound, KubeClient, KubeMetrics, Manager, refKey, resourceType } from '../kube/index.ts';
import { customList } from '../metrics-api/custom-list.ts';
import { externalList } from '../metrics-api/external-list.ts';
import type { ServedMetrics } from './apiserver/context.ts';
import { startApiServer } from './apiserver/server.ts';
import { autoscalerController } from './autoscaler/controller.ts';
import { externalMetrics } from './autoscaler/external-metrics.ts';
import { LocalDemand } from './demand.ts';
import { DemandMetrics } from './demand-metrics.ts';
import { GarbageCollector } from './gc/garbage-collector.ts';
import { ProcessKubelet } from './kubelet/kubelet.ts';
import { applyManifest, parseManifest } from './manifests.ts';
import type { Connection, StateDir } from './state-dir.ts';

const fieldManager = 'modelfleet-local';
const recoverTimeoutMs = 10_000;
const workerImage = 'modelfleet-worker';
const tenants = resourceType<Tenant>(tenantResource);

export type LocalOptions = {
  /** Where everything is kept; the caller opened it and closes it. */
  readonly state: StateDir;
  readonly host: string;
  /** The gateway's port. */
  readonly port: number;
  /** Program and first arguments that stand for the worker image, for example `node main.js`. */
  readonly workerProgram: readonly string[];
  /** Container path prefix -> real folder: processes have no mounts. */
  readonly pathMap: Readonly<Record<string, string>>;
  readonly logger: Logger;
  readonly clock?: Clock;
};

/** A running local mode: a Kubernetes API, the controllers, the gateway and a kubelet in this process; workers beside it. */
export type Local = {
  readonly client: KubeClient;
  readonly cache: InformerCache;
  readonly connection: Connection;
  /** Rejects when a part fails; never resolves before `stop`. */
  readonly ended: Promise<void>;
  /** Lets running answers end for `drainMs` at most, then ends everything; objects and models stay for the next start. */
  stop(drainMs: number): Promise<void>;
};

/** Brings local mode up. Rejects with a sentence for people when an address is taken or the state cannot be read. */
export async function startLocal(options: LocalOptions): Promise<Local> {
  const { state, logger, clock = systemClock } = options;
  await using opened = new AsyncDisposableStack();

  /** What the API serves that is made after it. */
  const served: { logs?: ProcessKubelet; metrics?: ServedMetrics } = {};
  const api = await startApiServer({
    stateDir: state.file('apiserver'),
    kubeconfigPath: state.file('kubeconfig'),
    host: '127.0.0.1',
    logger: logger.child({ part: 'apiserver' }),
    clock,
    logs: { open: (...request) => requireMade(served.logs, 'the kubelet').open(...request) },
    metrics: {
      external: (asked) => requireMade(served.metrics, 'who counts requests').external(asked),
      custom: (asked) => requireMade(served.metrics, 'who counts requests').custom(asked),
    },
  });
  opened.defer(() => api.close());

  const registry = new Registry();
  const metrics = new KubeMetrics(registry);
  const client = KubeClient.fromServer(api, { fieldManager, onResponse: metrics.onResponse });
  opened.defer(() => client.close());
  for (const [name, definition] of Object.entries(customResourceDefinitions())) {
    await applyManifest(client, parseManifest(definition, name), { fieldManager, force: true });
  }

  const cache = new InformerCache(client, { logger: logger.child({ part: 'cache' }) });
  const gateway = await startGateway({
    cache,
    host: options.host,
    port: options.port,
    registry,
    clock,
    logger: logger.child({ part: 'gateway' }),
  });
  const closing = { drainMs: 0 };
  const connection = {
    gateway: `${gateway.url}/v1`,
    apiKey: await localKey(client, state),
    kubeconfig: state.file('kubeconfig'),
  };
  await state.writeConnection(connection);

  const recorder = new EventRecorder({ client, component: 'modelfleet-local', clock, logger });
  opened.defer(() => recorder.close());
  const kubelet = new ProcessKubelet({
    client,
    informerCache: cache,
    recorder,
    stateDir: state.path,
    nodeName: 'local',
    images: { [workerImage]: options.workerProgram },
    pathMap: options.pathMap,
    logger: logger.child({ part: 'kubelet' }),
    clock,
    backoff: { baseMs: 1_000, maxMs: 60_000, resetAfterMs: 600_000 },
  });
  served.logs = kubelet;
  await kubelet.recover(AbortSignal.timeout(recoverTimeoutMs));
  const collector = new GarbageCollector({ client, logger: logger.child({ part: 'gc' }), clock });
  const demand = new LocalDemand({ requests: gateway.requests, clock });
  const reports = new WorkerReports(clock);
  const scalingMetrics = new ScalingMetrics(registry);
  const manager = new Manager({ logger, clock });
  manager.addCache(cache);
  manager.addRunnable({ name: 'kubelet', run: kubelet.run.bind(kubelet) });
  manager.addRunnable(demand);
  manager.addRunnable({ name: 'garbage-collector', run: collector.run.bind(collector) });
  manager.addController(() =>
    modelDeploymentController({
      client,
      cache,
      workerImage,
      demand,
      reports,
      gatewayUrl: gateway.url,
      events: recorder,
      metrics,
      scalingMetrics,
      logger: logger.child({ part: 'controller' }),
      clock,
    }),
  );
  const deployments = cache.informer(resourceType<ModelDeployment>(modelDeploymentResource));
  addWorkerWatch({}, { manager, cache, deployments: deployments.store, reports, clock, logger: logger.child({ part: 'worker-watch' }) });
  const inNamespace = (namespace: string) =>
    deployments.store.list().flatMap(({ metadata }) => (metadata.namespace === namespace ? [metadata] : []));
  const source = new DemandMetrics({
    demand,
    reports,
    deployments: {
      in: (namespace) => inNamespace(namespace).map(({ name }) => name),
      ready(namespace, name) {
        const found = deployments.store.get(refKey({ namespace, name }));
        return found && (found.status?.readyReplicas ?? 0);
      },
    },
    clock,
  });
  const objects = (namespace: string) => inNamespace(namespace).map(({ name, labels = {} }) => ({ name, labels }));
  served.metrics = {
    external: (asked) => externalList(source, asked, clock.now()),
    custom: (asked) => customList(source, objects, asked, clock.now()),
  };
  manager.addRunnable(source);
  manager.addController(() =>
    autoscalerController({
      client,
      cache,
      readMetric: externalMetrics(client),
      events: recorder,
      logger: logger.child({ part: 'autoscaler' }),
      clock,
    }),
  );

  const stopping = new AbortController();
  const running = manager.run(stopping.signal);
  opened.defer(async () => {
    stopping.abort();
    await running.catch(() => {}); // `ended` tells it
  });
  opened.defer(() => gateway.close(closing));

  const resources = opened.move();
  return {
    client,
    cache,
    connection,
    ended: running,
    async stop(drainMs) {
      closing.drainMs = drainMs;
      await resources.disposeAsync();
    },
  };
}

function requireMade<T>(part: T | undefined, name: string): T {
  if (part === undefined) throw new Error(`${name} has not started yet`);
  return part;
}

/** The key of tenant `local`: the one handed out before while the cluster still knows it, else a fresh one. */
async function localKey(client: KubeClient, state: StateDir): Promise<string> {
  const known = (await state.readConnection())?.apiKey;
  const tenant = await client.get(tenants, { name: 'local' }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (known && tenant?.spec.keys?.some(({ hash }) => hash === hashApiKey(known))) return known;
  const key = generateApiKey();
  const spec = { displayName: 'Local mode', keys: [{ name: 'local', hash: hashApiKey(key) }] };
  await client.apply(tenants, { metadata: { name: 'local' }, spec }, { force: true });
  return key;
}
