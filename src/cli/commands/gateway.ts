import { hostname } from 'node:os';
import { Command, Option } from 'commander';
import { systemClock } from '../../core/clock.ts';
import { createLogger, type Logger } from '../../core/logger.ts';
import type { AdminAddress } from '../../gateway/admin/server.ts';
import type { CertificateFiles } from '../../gateway/certificate.ts';
import { startGateway } from '../../gateway/gateway.ts';
import { RedisStore } from '../../gateway/limits/redis-store.ts';
import { Peers } from '../../gateway/peers.ts';
import { Networks } from '../../gateway/proxy-protocol/networks.ts';
import { UsageLog } from '../../gateway/usage/log.ts';
import { RotatingFile, streamOutput } from '../../gateway/usage/output.ts';
import { countResponses, InformerCache, KubeClient, loadKubeConfig } from '../../kube/index.ts';
import { collect, duration, portNumber, wholeNumber } from '../options.ts';
import { podNamespace } from '../pod-namespace.ts';
import { processMetrics } from '../process-metrics.ts';
import { aborted, onStopSignal } from '../stop-signal.ts';

type Options = {
  host: string;
  port: number;
  metricsPort: number;
  kubeconfig?: string;
  context?: string;
  namespace?: string;
  maxBodyBytes: number;
  drainTimeout: number;
  tlsCertFile?: string;
  tlsKeyFile?: string;
  proxyProtocol?: boolean;
  proxyProtocolFrom: readonly string[];
  statsTokenFile?: string;
  peerSelector?: string;
  peerNamespace?: string;
  redisUrl?: string;
  corsOrigin: readonly string[];
  adminPort?: number;
  adminTokenFile?: string;
  responseCacheBytes: number;
  usageLog?: string;
  usageLogMaxBytes: number;
  usageLogFiles: number;
};

/** For how long callers and what stands before the gateway may still come after SIGTERM, before they are told to go elsewhere. */
const closeGraceMs = 5_000;

/** `modelfleet gateway`: the OpenAI-compatible data plane of a cluster, until SIGTERM or SIGINT. */
export function gatewayCommand(): Command {
  return new Command('gateway')
    .description('serve the models of a cluster at one OpenAI-compatible address')
    .option('--host <address>', 'address to listen on', '0.0.0.0')
    .option('--port <number>', 'port for callers', portNumber, 8080)
    .option('--metrics-port <number>', 'port of /metrics, /healthz and /readyz, in plain HTTP', portNumber, 9091)
    .option('--kubeconfig <file>', 'kubeconfig; else KUBECONFIG, the pod’s service account or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--namespace <name>', 'serve the models of this namespace only')
    .option('--max-body-bytes <number>', 'largest request body', wholeNumber(1, 2 ** 30), 16 * 1_048_576)
    .option('--drain-timeout <duration>', 'how long running answers may go on at the end', duration, 300_000)
    .option('--tls-cert-file <file>', 'speak TLS on --port with this PEM certificate and its chain; read again when it changes')
    .option('--tls-key-file <file>', 'private key of that certificate')
    .option('--proxy-protocol', 'learn from proxies in front who calls, by the PROXY protocol, version 1 or 2, before TLS if there is any')
    .option(
      '--proxy-protocol-from <network>',
      'where those proxies are, such as 10.0.0.0/8; all other connections are closed; may be repeated',
      collect,
      [],
    )
    .option(
      '--stats-token-file <file>',
      'serve /stats on --metrics-port to whoever has a token of this file, one a line; read again at each use',
    )
    .option(
      '--response-cache-bytes <number>',
      'memory for answers of deployments with serving.cache; 0 for none',
      wholeNumber(0, 2 ** 40),
      64 * 1_048_576,
    )
    .option('--admin-port <number>', 'port of the admin surface, in plain HTTP: queues, limits, metrics, drain', portNumber)
    .option('--admin-token-file <file>', 'who may use it: whoever has a token of this file, one a line; read again at each use')
    .option('--cors-origin <origin>', 'let pages of this origin call from a browser; * lets all; may be repeated', collect, [])
    .option('--usage-log <file>', 'write a line of JSON for each request: its tenant, model, tokens and times; - is stdout')
    .option('--usage-log-max-bytes <number>', 'put the usage log aside before it gets larger', wholeNumber(4096, 2 ** 40), 100 * 1_048_576)
    .option('--usage-log-files <number>', 'usage logs put aside that are kept, as FILE.1 (the newest), FILE.2 …', wholeNumber(0, 1000), 10)
    .option(
      '--peer-selector <labels>',
      'labels of the gateways’ pods: the ready ones share the replicas’ slots; unless given, this gateway takes them all',
    )
    .option('--peer-namespace <name>', 'namespace of those pods; the pod’s own unless given, outside of a cluster all')
    .addOption(
      new Option(
        '--redis-url <url>',
        'Redis or Valkey in which all gateways count limits together; each counts its share of them without',
      ).env('MODELFLEET_REDIS_URL'),
    )
    .action(run);
}

async function run(options: Options): Promise<void> {
  const tls = certificateFiles(options);
  const proxiesFrom = proxyNetworks(options);
  checkRedisUrl(options.redisUrl);
  const drain = new AbortController();
  const stop = AbortSignal.any([onStopSignal(), drain.signal]);
  const admin = adminAddress(options, () => drain.abort(new DOMException('stopped by a drain', 'AbortError')));
  const logger = createLogger('gateway');
  const registry = processMetrics();
  const usageLog = await openUsageLog(options, logger);

  const config = await loadKubeConfig({ path: options.kubeconfig, context: options.context });
  const client = KubeClient.fromKubeConfig(config, { userAgent: 'modelfleet-gateway', onResponse: countResponses(registry) });
  const cache = new InformerCache(client, { logger });
  const peers = watchPeers(options, cache);
  const cacheStop = new AbortController();
  const running = cache.run(cacheStop.signal);
  const limits = sharedLimits(options, peers, logger);

  try {
    const gateway = await startGateway({
      ...options,
      corsOrigins: options.corsOrigin,
      proxiesFrom,
      admin,
      peers,
      limits,
      usageLog,
      tls,
      cache,
      registry,
      logger,
    });
    logger.info({ url: gateway.url, metrics: gateway.metricsUrl, admin: gateway.adminUrl }, 'the gateway listens');
    await aborted(stop);
    logger.info({ reason: stop.reason.message, drainMs: options.drainTimeout }, 'the gateway stops once running answers have ended');
    await gateway.close({ drainMs: options.drainTimeout, graceMs: closeGraceMs });
  } finally {
    await limits?.close();
    await usageLog?.close();
    cacheStop.abort();
    await running;
    await client.close();
  }
}

/** Whoever could send a header without being asked could take any address. Throws. */
function proxyNetworks({ proxyProtocol, proxyProtocolFrom }: Options): Networks | undefined {
  if (proxyProtocol && proxyProtocolFrom.length > 0) return new Networks(proxyProtocolFrom);
  if (!proxyProtocol && proxyProtocolFrom.length === 0) return undefined;
  throw new Error(
    `The PROXY protocol needs to know where its proxies are: give ${proxyProtocol ? '--proxy-protocol-from' : '--proxy-protocol'} too, or neither.`,
  );
}

/** The address may hold a password, so the message does not repeat it. Throws. */
function checkRedisUrl(text: string | undefined): void {
  if (text === undefined || ['redis:', 'rediss:'].includes(URL.parse(text)?.protocol ?? '')) return;
  throw new Error('--redis-url is no address of a Redis: give one such as redis://host:6379/0, or rediss:// for TLS.');
}

/** Limits that all gateways count together. */
function sharedLimits({ redisUrl: url }: Options, peers: Peers | undefined, logger: Logger): RedisStore | undefined {
  if (url === undefined) return undefined;
  return new RedisStore({ url, clock: systemClock, random: Math.random, logger, gateways: () => peers?.rank.gateways ?? 1 });
}

/** A pod's host name is its own name. */
function watchPeers({ peerSelector: selector, peerNamespace }: Options, cache: InformerCache): Peers | undefined {
  if (selector === undefined) return undefined;
  return Peers.watch(cache, { selector, namespace: peerNamespace ?? podNamespace(), own: hostname() });
}

function adminAddress({ adminPort: port, adminTokenFile: tokenFile }: Options, onDrain: () => void): AdminAddress | undefined {
  if (port !== undefined && tokenFile !== undefined) return { port, tokenFile, onDrain };
  if (port === undefined && tokenFile === undefined) return undefined;
  throw new Error(
    `The admin surface needs a port and tokens: give ${port === undefined ? '--admin-port' : '--admin-token-file'} too, or neither.`,
  );
}

async function openUsageLog(options: Options, logger: Logger): Promise<UsageLog | undefined> {
  const { usageLog: file, usageLogMaxBytes: maxBytes, usageLogFiles: keep } = options;
  if (file === undefined) return undefined;
  const output = file === '-' ? streamOutput(process.stdout) : await RotatingFile.open({ file, maxBytes, keep });
  return new UsageLog({ output, clock: systemClock, logger });
}

function certificateFiles({ tlsCertFile: certFile, tlsKeyFile: keyFile }: Options): CertificateFiles | undefined {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  if (certFile === undefined && keyFile === undefined) return undefined;
  throw new Error(
    `TLS needs a certificate and its key: give ${certFile === undefined ? '--tls-cert-file' : '--tls-key-file'} too, or neither.`,
  );
}
