import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '../../src/core/logger.ts';
import { KubeClient } from '../../src/kube/index.ts';
import { startApiServer } from '../../src/local/apiserver/server.ts';
import { freePort } from '../fakes/free-port.ts';
import { publishModel } from './fleet.ts';
import { type Load, type LoadResult, runLoad } from './load.ts';
import { type BenchProcess, cpuMicros, startCommand, startProgram } from './processes.ts';
import { printReport, quantile, round } from './report.ts';

// What the gateway costs: CPU of its process for a request and for a streamed chunk, beside the worker called directly
// and beside the least that a proxy in Node can do. One run, one machine, the same mock worker behind all three.

const model = 'bench';
const path = '/v1/chat/completions';
const question = { model, messages: [{ role: 'user', content: 'x'.repeat(300) }] };
const plain: Omit<Load, 'requests' | 'connections'> = { path, body: JSON.stringify(question) };
const streamed: Omit<Load, 'requests' | 'connections'> = { path, body: JSON.stringify({ ...question, stream: true }) };

type Measured = { readonly cpuPerRequest: number; readonly p50: number; readonly p99: number; readonly cpuPerChunk: number };

const stateDir = await mkdtemp(join(tmpdir(), 'bench-gateway-'));
const api = await startApiServer({ stateDir, kubeconfigPath: join(stateDir, 'kubeconfig'), logger: silentLogger });
const client = KubeClient.fromServer(api);
const worker = await startProgram('programs/mock-worker.ts');
const proxy = await startProgram('programs/bare-proxy.ts', worker.address);
const apiKey = await publishModel(client, model, worker.address);
const gateway = await startGatewayProcess();

const direct = await measure(worker, worker.address);
const bare = await measure(proxy, proxy.address);
const ours = await measure(gateway.process, gateway.url, { authorization: `Bearer ${apiKey}` });

for (const process of [gateway.process, proxy, worker]) await process.stop();
await client.close();
await api.close();
await rm(stateDir, { recursive: true, force: true });

const row = (name: string, m: Measured) => [name, round(m.cpuPerRequest), round(m.p50, 2), round(m.p99, 2), round(m.cpuPerChunk)];
printReport({
  title: 'gateway',
  columns: ['path', 'CPU µs/request', 'p50 ms (1 conn)', 'p99 ms', 'CPU µs/chunk'],
  rows: [
    row('mock worker, called directly (its own CPU)', direct),
    row('bare node:http + Pool.dispatch proxy', bare),
    row('gateway (keys, queue, metrics on)', ours),
    ['gateway / bare proxy', round(ours.cpuPerRequest / bare.cpuPerRequest, 2), '', '', round(ours.cpuPerChunk / bare.cpuPerChunk, 2)],
  ],
  results: {
    direct,
    bareProxy: bare,
    gateway: ours,
    requestRatio: ours.cpuPerRequest / bare.cpuPerRequest,
    chunkRatio: ours.cpuPerChunk / bare.cpuPerChunk,
    addedP50Ms: ours.p50 - direct.p50,
    addedP99Ms: ours.p99 - direct.p99,
  },
});

async function startGatewayProcess(): Promise<{ process: BenchProcess; url: string }> {
  const port = await freePort();
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const flags = ['--kubeconfig', join(stateDir, 'kubeconfig'), '--host', '127.0.0.1', '--port', String(port), '--metrics-port', '0'];
  const process = await startCommand([main, 'gateway', ...flags], { MODELFLEET_LOG_LEVEL: 'warn' }, `http://127.0.0.1:${port}/readyz`);
  return { process, url: `http://127.0.0.1:${port}` };
}

async function measure({ pid }: BenchProcess, origin: string, headers: Record<string, string> = {}): Promise<Measured> {
  const cpu = async (load: Load, unit: (result: LoadResult) => number) => {
    const before = await cpuMicros(pid);
    const result = await runLoad(origin, load);
    if (result.failures > 0) throw new Error(`${result.failures} requests to ${origin} failed`);
    return ((await cpuMicros(pid)) - before) / unit(result);
  };
  await runLoad(origin, { ...plain, headers, requests: 3_000, connections: 32 }); // warm-up
  const cpuPerRequest = await cpu({ ...plain, headers, requests: 15_000, connections: 32 }, () => 15_000);
  const { latenciesMs } = await runLoad(origin, { ...plain, headers, requests: 2_000, connections: 1 });
  const cpuPerChunk = await cpu({ ...streamed, headers, requests: 300, connections: 100 }, ({ events }) => events);
  return { cpuPerRequest, p50: quantile(latenciesMs, 0.5), p99: quantile(latenciesMs, 0.99), cpuPerChunk };
}
