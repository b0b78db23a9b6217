import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { silentLogger } from '../../src/core/logger.ts';
import { KubeClient } from '../../src/kube/index.ts';
import { startApiServer } from '../../src/local/apiserver/server.ts';
import { freePort } from '../fakes/free-port.ts';
import { publishModel } from './fleet.ts';
import { bounded, type Level, measureLevel, ofPeak, overloadedModel, startBatchingWorkers } from './gateway/overload.ts';
import { startCommand } from './processes.ts';
import { printReport, round } from './report.ts';

// Whether a fleet does less work when more ask for it: callers who ask again as soon as they are answered, in front of eight workers whose
// engines batch and preempt as real ones do. Ours, with as many requests at a worker as its memory holds, beside least load without a bound.

const { values } = parseArgs({
  options: {
    levels: { type: 'string', default: '300,600,1200,2400' },
    seconds: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
});
const levels = values.levels.split(',').map(Number);
const seconds = Number(values.seconds);

const stateDir = await mkdtemp(join(tmpdir(), 'bench-collapse-'));
const api = await startApiServer({ stateDir, kubeconfigPath: join(stateDir, 'kubeconfig'), logger: silentLogger });
const client = KubeClient.fromServer(api);
const workers = await startBatchingWorkers();
const unbounded = { maxConcurrencyPerReplica: 4_096, maxQueue: 512 };
const boundedKey = await publishModel(client, overloadedModel, workers.origins, bounded);
const unboundedKey = await publishModel(client, 'unbounded', workers.origins, unbounded);
const port = await freePort();
const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const flags = ['--kubeconfig', join(stateDir, 'kubeconfig'), '--host', '127.0.0.1', '--port', String(port), '--metrics-port', '0'];
const url = `http://127.0.0.1:${port}`;
const gateway = await startCommand([main, 'gateway', ...flags], { MODELFLEET_LOG_LEVEL: 'warn' }, `${url}/readyz`);

const ours: Level[] = [];
const plain: Level[] = [];
for (const callers of levels) ours.push(await measureLevel(url, { model: overloadedModel, apiKey: boundedKey, callers, seconds }));
for (const callers of levels) plain.push(await measureLevel(url, { model: 'unbounded', apiKey: unboundedKey, callers, seconds }));

await gateway.stop();
await workers.stop();
await client.close();
await api.close();
await rm(stateDir, { recursive: true, force: true });

const rows = (name: string, found: readonly Level[]) =>
  found.map(({ callers, tokensPerSecond, refusalsPerSecond, ttftP50Ms, ttftP99Ms }) => [
    `${name}, ${callers} callers`,
    round(tokensPerSecond, 0),
    round(refusalsPerSecond, 0),
    round(ttftP50Ms, 0),
    round(ttftP99Ms, 0),
  ]);
printReport({
  title: 'collapse',
  columns: ['path', 'tokens/s', 'refused/s', 'TTFT p50 ms', 'p99 ms'],
  rows: [
    ...rows('queue and slots', ours),
    ...rows('least load, no bound', plain),
    ['at the most callers, of the peak: queue and slots', round(ofPeak(ours), 2), '', '', ''],
    ['the same: least load, no bound', round(ofPeak(plain), 2), '', '', ''],
  ],
  results: { ours, plain, overloadThroughputRatio: ofPeak(ours), plainThroughputRatio: ofPeak(plain) },
});
