import { Command } from 'commander';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { modelDeploymentController } from '../../../controllers/modeldeployment/controller.ts';
import { systemClock } from '../../core/clock.ts';
import { createLogger } from '../../core/logger.ts';
import { EventRecorder, InformerCache, KubeClient, KubeMetrics, loadKubeConfig, Manager } from '../../kube/index.ts';
import { operationsServer } from '../operations-server.ts';
import { portNumber } from '../options.ts';
import { onStopSignal } from '../stop-signal.ts';

type Options = {
  readonly workerImage: string;
  readonly gatewayUrl: string;
  readonly namespace?: string;
  readonly host: string;
  readonly port: number;
  readonly kubeconfig?: string;
  readonly context?: string;
};

/** `modelfleet controller`: turns ModelDeployments into worker pods, until SIGTERM or SIGINT. */
export function controllerCommand(): Command {
  return new Command('controller')
    .description('reconcile the ModelDeployments of a cluster')
    .requiredOption('--worker-image <image>', 'image of worker pods', process.env.MODELFLEET_WORKER_IMAGE)
    .option('--gateway-url <url>', 'address of the gateway, told in status.endpoint', 'http://modelfleet-gateway.modelfleet-system')
    .option('--namespace <name>', 'reconcile this namespace only')
    .option('--host <address>', 'address of /metrics, /healthz and /readyz', '0.0.0.0')
    .option('--port <number>', 'port of /metrics, /healthz and /readyz', portNumber, 8081)
    .option('--kubeconfig <file>', 'kubeconfig; else KUBECONFIG, the pod’s service account or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const stop = onStopSignal();
  const logger = createLogger('controller');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = new KubeMetrics(registry);

  const config = await loadKubeConfig({ path: options.kubeconfig, context: options.context });
  const client = KubeClient.fromKubeConfig(config, { fieldManager: 'modelfleet-controller', onResponse: metrics.onResponse });
  try {
    const cache = new InformerCache(client, { logger });
    const events = new EventRecorder({ client, component: 'modelfleet-controller', logger });
    const manager = new Manager({ logger });
    manager.addServer(operationsServer({ host: options.host, port: options.port, registry, ready: () => manager.ready }));
    manager.addCache(cache);
    manager.addController(modelDeploymentController({ ...options, client, cache, events, metrics, clock: systemClock, logger }));
    await manager.run(stop);
  } finally {
    await client.close();
  }
}
