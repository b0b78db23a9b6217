import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { z } from 'zod';
import { FakeApiServer, type Intercept, sendJson } from '../../src/kube/testing/api-server.fake.ts';
import { secretData } from '../../src/metrics-api/certificates/identity.ts';
import { takeStep } from '../../src/metrics-api/certificates/make.ts';
import { makeAuthority, makeClient, trustData } from '../../src/metrics-api/testing/pki.fake.ts';
import { freePort } from '../fakes/free-port.ts';
import { cpuMicros, startProgram } from './processes.ts';
import { printReport, quantile, round } from './report.ts';

// What HorizontalPodAutoscalers cost the metrics API: each asks once a sync for its one model, through the API server's front proxy over
// TLS, five at a time as kube-controller-manager does.

const { values: options } = parseArgs({
  options: { json: { type: 'boolean' }, models: { type: 'string', default: '1000' }, syncs: { type: 'string', default: '5' } },
});
const [namespaces, gateways, atATime, warmUps] = [50, 3, 5, 1];
const perNamespace = Math.ceil(wholeNumber('models') / namespaces);
const models = perNamespace * namespaces;
const syncs = wholeNumber('syncs');

const host = 'modelfleet-metrics-api.modelfleet-system.svc';
const [clients, proxies, identity] = await Promise.all([
  makeAuthority('clients'),
  makeAuthority('proxies'),
  takeStep('all', undefined, [host], Date.now()),
]);
const proxy = await makeClient(proxies, 'front-proxy-client');

const api = await FakeApiServer.start();
const trust = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'kube-system', name: 'extension-apiserver-authentication' },
  data: trustData(clients, proxies),
};
const certificate = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace: 'modelfleet-system', name: 'metrics-api-tls' },
  data: secretData(identity),
};
api.put('configmaps', trust);
api.put('secrets', certificate);
let reviews = 0;
const review: Intercept = ({ path }, response) => {
  if (!path.endsWith('/subjectaccessreviews')) return false;
  reviews += 1;
  api.once(review);
  sendJson(response, 201, { status: { allowed: true } });
  return true;
};
api.once(review);

const port = await freePort();
const server = await startProgram(
  'programs/metrics-api.ts',
  ...[api.url, port, namespaces, perNamespace, gateways].map((argument) => String(argument)),
);
const pool = new Pool(`https://127.0.0.1:${port}`, {
  connections: atATime,
  pipelining: 1,
  connect: { ca: identity.authorities.join('\n'), servername: host, cert: proxy.certificate, key: proxy.key },
});
const headers = {
  accept: 'application/json',
  'x-remote-user': 'system:serviceaccount:kube-system:horizontal-pod-autoscaler',
  'x-remote-group': ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
};
const answer = z.object({ items: z.tuple([z.object({ value: z.literal('30') })]) });

while (!(await ready())) await sleep(50);
for (let sync = 0; sync < warmUps; sync += 1) await syncAll();
const [cpuBefore, reviewsBefore] = [await cpuMicros(server.pid), reviews];
const latenciesMs: number[] = [];
for (let sync = 0; sync < syncs; sync += 1) latenciesMs.push(...(await syncAll()));
const cpuMillis = ((await cpuMicros(server.pid)) - cpuBefore) / 1000;
const reviewsPerSync = (reviews - reviewsBefore) / syncs;

await pool.close();
await server.stop();
await api.halt();

const results = {
  models,
  syncs,
  p50Millis: quantile(latenciesMs, 0.5),
  p99Millis: quantile(latenciesMs, 0.99),
  maxMillis: quantile(latenciesMs, 1),
  cpuMillisPerRequest: cpuMillis / latenciesMs.length,
  cpuMillisPerSync: cpuMillis / syncs,
  reviewsPerSync,
};
printReport({
  title: 'metrics-api',
  columns: ['HPAs', 'p50 ms', 'p99 ms', 'max ms', 'CPU ms/request', 'CPU ms/sync', 'reviews/sync'],
  rows: [
    [
      models,
      round(results.p50Millis, 2),
      round(results.p99Millis, 2),
      round(results.maxMillis, 1),
      round(results.cpuMillisPerRequest, 3),
      round(results.cpuMillisPerSync, 0),
      reviewsPerSync,
    ],
  ],
  results,
});

/** Asks once for every model; the milliseconds that each answer took. */
async function syncAll(): Promise<readonly number[]> {
  const taken: number[] = [];
  let next = 0;
  const worker = async () => {
    while (next < models) {
      const index = next++;
      // Neighbours are in different namespaces, as they come in no order.
      const path = pathOf(index % namespaces, Math.floor(index / namespaces));
      const began = performance.now();
      const { statusCode, body } = await pool.request({ method: 'GET', path, headers });
      const text = await body.text();
      taken.push(performance.now() - began);
      if (statusCode !== 200) throw new Error(`${path} was answered ${statusCode}: ${text}`);
      answer.parse(JSON.parse(text));
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return taken;
}

function pathOf(namespace: number, model: number): string {
  const metric = `/apis/external.metrics.k8s.io/v1beta1/namespaces/namespace-${namespace}/modelfleet_requests_in_system`;
  return `${metric}?labelSelector=model%3Dmodel-${model}`;
}

async function ready(): Promise<boolean> {
  try {
    const { statusCode, body } = await pool.request({ method: 'GET', path: '/readyz' });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false; // does not listen yet
  }
}

function wholeNumber(name: 'models' | 'syncs'): number {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value >= 1) return value;
  console.error(`--${name} is "${options[name]}": give a whole number above 0`);
  process.exit(2);
}
