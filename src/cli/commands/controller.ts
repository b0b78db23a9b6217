import { Command, Option } from 'commander';
import { WorkerReports } from '../../../controllers/demand/worker-reports.ts';
import { pullPolicies, type WorkerDefaults } from '../../../controllers/modeldeployment/builders/worker-image.ts';
import { modelDeploymentController } from '../../../controllers/modeldeployment/controller.ts';
import { ScalingMetrics } from '../../../controllers/scaling/metrics.ts';
import { systemClock } from '../../core/clock.ts';
import { createLogger } from '../../core/logger.ts';
import {
  EventRecorder,
  InformerCache,
  KubeClient,
  KubeMetrics,
  LeaderElection,
  LeadershipLost,
  leaseStore,
  loadKubeConfig,
  Manager,
} from '../../kube/index.ts';
import { addDemandWatch, type DemandFlags } from '../demand.ts';
import { addMetricsApi, type MetricsApiFlags } from '../metrics-api.ts';
import { operationsServer } from '../operations-server.ts';
import { collect, portNumber } from '../options.ts';
import { podNamespace } from '../pod-namespace.ts';
import { processMetrics } from '../process-metrics.ts';
import { onStopSignal } from '../stop-signal.ts';

type Options = Omit<WorkerDefaults, 'workerImagePullSecrets'> &
  DemandFlags &
  MetricsApiFlags & {
    readonly workerImagePullSecret?: readonly string[];
    readonly gatewayUrl: string;
    readonly namespace?: string;
    readonly host: string;
    readonly port: number;
    readonly kubeconfig?: string;
    readonly context?: string;
    /** Undefined when neither flag is given: then the place decides. */
    readonly leaderElect?: boolean;
    readonly leaderElectionNamespace?: string;
  };

const leaseName = 'modelfleet-controller';
const gatewayLabels = 'app.kubernetes.io/name=modelfleet,app.kubernetes.io/component=gateway';

/** `modelfleet controller`: turns ModelDeployments into worker pods, until SIGTERM or SIGINT. */
export function controllerCommand(): Command {
  return new Command('controller')
    .description('reconcile the ModelDeployments of a cluster')
    .requiredOption(
      '--worker-image <image>',
      'image of worker pods on the CPU, and on devices without an image of their own',
      process.env.MODELFLEET_WORKER_IMAGE,
    )
    .option('--worker-image-cuda <image>', 'image of worker pods with an NVIDIA GPU')
    .option('--worker-image-vulkan <image>', 'image of worker pods with any other GPU, or device Vulkan or WebGPU')
    .addOption(new Option('--worker-image-pull-policy <policy>', 'when to pull these images').choices(pullPolicies))
    .option('--worker-image-pull-secret <name>', 'Secret to pull with, in the namespace of each pod (repeatable)', collect)
    .option('--gateway-url <url>', 'address of the gateway, told in status.endpoint', 'http://modelfleet-gateway.modelfleet-system')
    .option('--namespace <name>', 'reconcile this namespace only')
    .option('--host <address>', 'address of /metrics, /healthz and /readyz', '0.0.0.0')
    .option('--port <number>', 'port of /metrics, /healthz and /readyz', portNumber, 8081)
    .option('--kubeconfig <file>', 'kubeconfig; else KUBECONFIG, the pod’s service account or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--leader-elect', 'reconcile only while holding the lease; the default in a pod')
    .option('--no-leader-elect', 'reconcile without a lease; the default elsewhere')
    .option('--leader-election-namespace <name>', `namespace of the lease ${leaseName}; the pod’s own unless given`)
    .option(
      '--stats-token-file <file>',
      'ask the gateways how many requests wait, with the first token of this file; they were started with the same one',
    )
    .option('--gateway-selector <labels>', 'labels of the gateways’ pods', gatewayLabels)
    .option('--gateway-namespace <name>', 'namespace of the gateways’ pods; the pod’s own unless given, outside of a cluster all')
    .option(
      '--metrics-api-port <number>',
      'serve external.metrics.k8s.io and custom.metrics.k8s.io in TLS on this port; off unless given',
      portNumber,
    )
    .option('--metrics-api-service <name>', 'Service by which the API server reaches that port', 'modelfleet-metrics-api')
    .option(
      '--metrics-api-namespace <name>',
      'namespace of that Service and of the Secret with its certificate; the pod’s own unless given',
    )
    .action(run);
}

/** How long a controller that stops may take to write its last events. */
const lastEventsMs = 2_000;

async function run(options: Options): Promise<void> {
  const stop = onStopSignal();
  const logger = createLogger('controller');
  const registry = processMetrics();
  const metrics = new KubeMetrics(registry);

  const config = await loadKubeConfig({ path: options.kubeconfig, context: options.context });
  const connect = (beforeWrite?: () => void) =>
    KubeClient.fromKubeConfig(config, { fieldManager: 'modelfleet-controller', onResponse: metrics.onResponse, beforeWrite });
  // The lease has a connection of its own: a busy controller must not hold up its renewals.
  const namespace = leaderElectionNamespace(options);
  const electionClient = namespace === undefined ? undefined : connect();
  const leaderElection =
    namespace !== undefined && electionClient
      ? new LeaderElection({ lease: leaseStore(electionClient, { namespace, name: leaseName }), logger, metrics })
      : undefined;
  const client = connect(leaderElection && (() => leaderElection.assertLeading()));
  // Without the question whether it leads: what is told was done by the leader, and is told also after it has let the lease go.
  const eventClient = connect();
  const events = new EventRecorder({ client: eventClient, component: 'modelfleet-controller', logger });
  try {
    const cache = new InformerCache(client, { logger });
    const manager = new Manager({ logger, leaderElection });
    manager.addServer(operationsServer({ host: options.host, port: options.port, registry, logger, waitingFor: () => manager.waitingFor }));
    manager.addCache(cache);
    const demand = await addDemandWatch(options, { manager, cache, registry, logger });
    const reports = new WorkerReports(systemClock);
    await addMetricsApi(options, { manager, cache, client, anytimeClient: eventClient, demand, reports, registry, logger });
    const scalingMetrics = new ScalingMetrics(registry);
    const workerImagePullSecrets = options.workerImagePullSecret;
    manager.addController(() =>
      modelDeploymentController({
        ...options,
        workerImagePullSecrets,
        client,
        cache,
        demand,
        reports,
        events,
        metrics,
        scalingMetrics,
        clock: systemClock,
        logger,
      }),
    );
    await manager.run(stop);
    await events.flush(AbortSignal.timeout(lastEventsMs)).catch((error: unknown) => logger.warn({ err: error }, 'events were not written'));
  } catch (error) {
    if (!(error instanceof Error && error.cause instanceof LeadershipLost)) throw error;
    // Not exitCode: work that did not hear of it must not keep the process.
    logger.fatal({ err: error.cause }, 'leadership lost');
    process.exit(1);
  } finally {
    events.close();
    await Promise.all([client.close(), eventClient.close(), electionClient?.close()]);
  }
}

/** Where the lease is; undefined when there is no election. */
function leaderElectionNamespace({ leaderElect, leaderElectionNamespace: given }: Options): string | undefined {
  const own = podNamespace();
  if (!(leaderElect ?? own !== undefined)) return undefined;
  const namespace = given ?? own;
  if (namespace === undefined) throw new Error('Leader election outside of a pod needs to know where: give --leader-election-namespace.');
  return namespace;
}
