import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { replicaEndpoint } from '../../src/api/replica.ts';
import { modelDeploymentResource } from '../../src/api/resources.ts';
import { InformerCache, KubeClient, loadKubeConfig, pods, resourceType } from '../../src/kube/index.ts';
import { applyManifest, readManifests } from '../../src/local/manifests.ts';
import type { Connection } from '../../src/local/state-dir.ts';
import { pullModel } from '../../src/worker/artifacts/pull/pull.ts';
import { freePort } from '../fakes/free-port.ts';
import { startCommand } from './processes.ts';
import { printReport, round } from './report.ts';

// From nothing to the first token with warm caches: local mode up, manifest applied, agent answers, percent seen, model ready, token streamed.

const root = join(import.meta.dirname, '../..');
const folder = await mkdtemp(join(tmpdir(), 'bench-start-'));
const state = join(folder, 'state');
const port = await freePort();
await pullModel('smollm2');

const began = performance.now();
const since = (instant: number) => round((performance.now() - instant) / 1000, 2);
const main = join(root, 'src/cli/main.ts');
const local = await startCommand([main, 'local', '--state', state, '--port', String(port)], {}, `http://127.0.0.1:${port}/readyz`);
const upSeconds = since(began);

const client = KubeClient.fromKubeConfig(await loadKubeConfig({ path: join(state, 'kubeconfig') }));
const cache = new InformerCache(client);
const replicas = cache.informer(pods);
const seen: { percent?: number; agent?: number; ready?: number } = {};
cache.informer(resourceType<ModelDeployment>(modelDeploymentResource)).addHandler({
  add: note,
  update: note,
});
const stop = new AbortController();
const running = cache.run(stop.signal);
await cache.synced(stop.signal);

const applied = performance.now();
for (const manifest of await readManifests(join(root, 'docs/examples/smollm2.yaml')))
  await applyManifest(client, manifest, { fieldManager: 'bench' });
let containerStarted: number | undefined;
while (seen.agent === undefined || seen.ready === undefined) {
  const [pod] = replicas.store.list();
  const endpoint = pod && replicaEndpoint(pod);
  containerStarted ??= endpoint && performance.now();
  if (endpoint && seen.agent === undefined && (await answers(`http://127.0.0.1:${endpoint.managementPort}/livez`)))
    seen.agent = since(containerStarted ?? applied);
  await sleep(10);
}
const { gateway, apiKey } = JSON.parse(await readFile(join(state, 'connection.json'), 'utf8')) as Connection;
await firstToken();
const firstTokenSeconds = since(applied);

stop.abort();
await running;
await client.close();
await local.stop();
await rm(folder, { recursive: true, force: true });

const results = {
  localUpSeconds: upSeconds,
  applyToFirstPercentSeconds: seen.percent,
  podToAgentPortSeconds: seen.agent,
  applyToReadySeconds: seen.ready,
  applyToFirstTokenSeconds: firstTokenSeconds,
  startToFirstTokenSeconds: round(upSeconds + firstTokenSeconds, 2),
};
printReport({
  title: 'start',
  columns: ['what', 'seconds'],
  rows: Object.entries(results).map(([what, value]) => [what, value ?? '-']),
  results,
});

function note({ status }: ModelDeployment): void {
  if (status?.loading?.percent !== undefined) seen.percent ??= since(applied);
  if (status?.phase === 'Ready') seen.ready ??= since(applied);
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false; // does not listen yet
  }
}

async function firstToken(): Promise<void> {
  const response = await fetch(`${gateway}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'smollm2', stream: true, max_tokens: 8, messages: [{ role: 'user', content: 'What is a fleet?' }] }),
  });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (/"content":"[^"]/.test(text)) return;
  }
  throw new Error(`no token came: ${text}`);
}
