import { Command, InvalidArgumentError } from 'commander';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { parseDuration } from '../../core/durations.ts';
import { createLogger } from '../../core/logger.ts';
import { startGateway } from '../../gateway/gateway.ts';
import { InformerCache, KubeClient, loadKubeConfig } from '../../kube/index.ts';

type Options = {
  host: string;
  port: number;
  metricsPort: number;
  kubeconfig?: string;
  context?: string;
  namespace?: string;
  maxBodyBytes: number;
  drainTimeout: number;
};

/** `modelfleet gateway`: the OpenAI-compatible data plane of a cluster, until SIGTERM or SIGINT. */
export function gatewayCommand(): Command {
  return new Command('gateway')
    .description('serve the models of a cluster at one OpenAI-compatible address')
    .option('--host <address>', 'address to listen on', '0.0.0.0')
    .option('--port <number>', 'port for callers', wholeNumber(0, 65_535), 8080)
    .option('--metrics-port <number>', 'port of /metrics', wholeNumber(0, 65_535), 9091)
    .option('--kubeconfig <file>', 'kubeconfig; else KUBECONFIG, the pod’s service account or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--namespace <name>', 'serve the models of this namespace only')
    .option('--max-body-bytes <number>', 'largest request body', wholeNumber(1, 2 ** 30), 16 * 1_048_576)
    .option('--drain-timeout <duration>', 'how long running answers may go on at the end', duration, 300_000)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const logger = createLogger('gateway');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const config = await loadKubeConfig({ path: options.kubeconfig, context: options.context });
  const client = KubeClient.fromKubeConfig(config, { userAgent: 'modelfleet-gateway' });
  const cache = new InformerCache(client, { logger });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  try {
    const gateway = await startGateway({ ...options, cache, registry, logger });
    logger.info({ url: gateway.url, metrics: gateway.metricsUrl }, 'the gateway listens');
    const signal = await stopSignal();
    logger.info({ signal, drainMs: options.drainTimeout }, 'the gateway stops once running answers have ended');
    await gateway.close({ drainMs: options.drainTimeout });
  } finally {
    stop.abort();
    await running;
    await client.close();
  }
}

/** Resolves at the first signal to stop; a second one ends the process as usual. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals) => {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
      resolve(signal);
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  });
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    return value;
  };
}

function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
