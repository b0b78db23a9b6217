import { demandFor, type Part, sumDemand } from '../../../controllers/demand/demand.ts';
import { WorkerReports } from '../../../controllers/demand/worker-reports.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { KubeClient } from '../../../src/kube/index.ts';
import { DemandMetrics } from '../../../src/local/demand-metrics.ts';
import { metricsApi } from '../../../src/metrics-api/metrics-api.ts';

// The metrics API in a process of its own. Arguments: address of an API server, port, namespaces, models in each, gateways.

const [, , url = '', port = '', namespaces = '', models = '', gateways = ''] = process.argv;
const names = Array.from({ length: Number(models) }, (_, index) => `model-${index}`);
const keys = Array.from({ length: Number(namespaces) }, (_, index) => names.map((name) => `namespace-${index}/${name}`)).flat();

/** An autoscaler syncs each 15 s, so every answer about rights that is remembered for 10 s is asked for again in each sync. */
const syncMs = 15_000;
let asked = 0;
const clock: Clock = { ...systemClock, now: () => Date.now() + Math.floor(asked / keys.length) * syncMs };

const counts = { held: 0, queued: 2, running: 8, tokensInFlight: 9_000, ttftMillis: 250, ttftCount: 20, serviceMillis: 2_000 };
const each = new Map(keys.map((key) => [key, counts]));
const parts = (): Part[] =>
  Array.from({ length: Number(gateways) }, () => ({ ready: true, since: 0, heardAt: clock.now() - 500, models: each }));
const reports = new WorkerReports(clock);
for (const key of keys)
  for (const replica of ['a', 'b']) reports.told(key, replica, { phase: 'Ready', inFlight: 8, waiting: 0, kvCacheUsage: 0.5 });

const inNamespace = Map.groupBy(keys, (key) => key.slice(0, key.indexOf('/')));
const demandMetrics = new DemandMetrics({
  demand: { of: (key) => demandFor(key, parts(), clock.now()), all: () => sumDemand(parts(), clock.now()) },
  reports,
  deployments: {
    in: (namespace) => (inNamespace.get(namespace) ?? []).map((key) => key.slice(namespace.length + 1)),
    ready: (namespace, name) => (each.has(`${namespace}/${name}`) ? 2 : undefined),
  },
  clock,
});

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const client = KubeClient.fromServer({ url });
const serving = metricsApi({
  host: '127.0.0.1',
  port: Number(port),
  flag: '--port',
  client,
  secret: { namespace: 'modelfleet-system', name: 'metrics-api-tls' },
  source: {
    values: (...request) => {
      asked += 1;
      return demandMetrics.values(...request);
    },
  },
  objects: () => [],
  clock,
  logger: silentLogger,
}).run(stop.signal);
console.log(port);
await serving;
await client.close();
