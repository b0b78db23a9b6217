import { hostname } from 'node:os';
import { Command, Option } from 'commander';
import { createLogger } from '../../core/logger.ts';
import type { AdminAddress } from '../../gateway/admin/server.ts';
import type { CertificateFiles } from '../../gateway/certificate.ts';
import { startGateway } from '../../gateway/gateway.ts';
import { Peers } from '../../gateway/peers.ts';
import { Networks } from '../../gateway/proxy-protocol/networks.ts';
import { countResponses, InformerCache, KubeClient, loadKubeConfig } from '../../kube/index.ts';
import { openStores, type StoreOptions, type Stores } from '../gateway-stores.ts';
import { collect, duration, portNumber, positiveInteger, wholeNumber } from '../options.ts';
import { podNamespace } from '../pod-namespace.ts';
import { processMetrics } from '../process-metrics.ts';
import { aborted, onStopSignal } from '../stop-signal.ts';

type Options = StoreOptions & {
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
  corsOrigin: readonly string[];
  adminPort?: number;
  adminTokenFile?: string;
  responseCacheBytes: number;
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
    .addOption(
      new Option(
        '--response-cache <where>',
        'where those answers are kept: memory, redis (that of --redis-url), or the address of a Redis of their own',
      )
        .default('memory')
        .env('MODELFLEET_RESPONSE_CACHE'),
    )
    .option('--admin-port <number>', 'port of the admin surface, in plain HTTP: queues, limits, metrics, drain', portNumber)
    .option('--admin-token-file <file>', 'who may use it: whoever has a token of this file, one a line; read again at each use')
    .option('--cors-origin <origin>', 'let pages of this origin call from a browser; * lets all; may be repeated', collect, [])
    .option('--usage-log <file>', 'write a line of JSON for each request: its tenant, model, tokens and times; - is stdout')
    .option('--usage-log-max-bytes <number>', 'put the usage log aside before it gets larger', wholeNumber(4096, 2 ** 40), 100 * 1_048_576)
    .option('--usage-log-files <number>', 'usage logs put aside that are kept, as FILE.1 (the newest), FILE.2 …', wholeNumber(0, 1000), 10)
    .option('--usage-stream <name>', 'add those records to this stream of the Redis of --redis-url, as the field "record" of an entry')
    .option('--usage-stream-max-records <number>', 'about so many entries of the stream are kept', positiveInteger, 1_000_000)
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
    .option('--redis-ca-file <file>', 'PEM certificates of the authorities that a rediss:// server must be certified by')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const tls = certificateFiles(options);
  const proxiesFrom = proxyNetworks(options);
  const drain = new AbortController();
  const stop = AbortSignal.any([onStopSignal(), drain.signal]);
  const admin = adminAddress(options, () => drain.abort(new DOMException('stopped by a drain', 'AbortError')));
  const logger = createLogger('gateway');
  const registry = processMetrics();

  const config = await loadKubeConfig({ path: options.kubeconfig, context: options.context });
  const client = KubeClient.fromKubeConfig(config, { userAgent: 'modelfleet-gateway', onResponse: countResponses(registry) });
  const cache = new InformerCache(client, { logger });
  const peers = watchPeers(options, cache);
  const cacheStop = new AbortController();
  const running = cache.run(cacheStop.signal);
  let stores: Stores | undefined;

  try {
    stores = await openStores(options, () => peers?.rank.gateways ?? 1, logger);
    const gateway = await startGateway({
      ...options,
      corsOrigins: options.corsOrigin,
      proxiesFrom,
      admin,
      peers,
      limits: stores.limits,
      responseCache: stores.responseCache,
      usageLog: stores.usageLog,
      usageStream: stores.usageStream,
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
    await stores?.close();
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

function certificateFiles({ tlsCertFile: certFile, tlsKeyFile: keyFile }: Options): CertificateFiles | undefined {
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  if (certFile === undefined && keyFile === undefined) return undefined;
  throw new Error(
    `TLS needs a certificate and its key: give ${certFile === undefined ? '--tls-cert-file' : '--tls-key-file'} too, or neither.`,
  );
}
