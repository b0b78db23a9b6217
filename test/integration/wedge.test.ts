import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DemandWatch } from '../../controllers/demand/demand-watch.ts';
import { modelDeploymentController } from '../../controllers/modeldeployment/controller.ts';
import { customResourceDefinitions } from '../../src/api/crd/definitions.ts';
import { statsPortName } from '../../src/api/gateway-stats.ts';
import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { isReplicaReady } from '../../src/api/replica.ts';
import { annotations, labels, modelDeploymentResource, tenantResource } from '../../src/api/resources.ts';
import type { Tenant } from '../../src/api/tenant.ts';
import { generateApiKey, hashApiKey } from '../../src/core/api-keys.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { TokenFile } from '../../src/core/token-file.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import {
  EventRecorder,
  findCondition,
  InformerCache,
  KubeClient,
  Manager,
  namespaces,
  type Pod,
  pods,
  resourceType,
} from '../../src/kube/index.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { startApiServer } from '../../src/local/apiserver/server.ts';
import { applyManifest, parseManifest } from '../../src/local/manifests.ts';
import { FakeAgents } from '../fakes/agents.ts';
import { FakeKubelet } from '../fakes/kubelet.ts';
import { streamedAnswer } from '../fakes/mock-worker.ts';

const namespace = 'models';
const gatewayLabel = 'app.kubernetes.io/component=gateway';
const logger = silentLogger;
const modelDeployments = resourceType<ModelDeployment>(modelDeploymentResource);
const tenants = resourceType<Tenant>(tenantResource);

/** Runs until the test has ended, whatever came of it. */
function runs(part: { run(signal: AbortSignal): Promise<void> }): void {
  const stop = new AbortController();
  const ended = part.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
}

/** Engines at every address of this machine: those at `hanging` take requests and say nothing. */
async function startEngines(): Promise<{ readonly port: number; readonly hanging: Set<string | undefined> }> {
  const hanging = new Set<string | undefined>();
  const server = createServer((request, response) => {
    request.resume();
    if (hanging.has(request.socket.localAddress)) return;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(streamedAnswer('m', 3));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '0.0.0.0', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, hanging };
}

async function openWorld() {
  const folder = await mkdtemp(join(tmpdir(), 'modelfleet-wedge-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const server = await startApiServer({ stateDir: join(folder, 'state'), logger });
  onTestFinished(() => server.close());
  const connect = (fieldManager: string) => {
    const client = KubeClient.fromServer(server, { fieldManager });
    onTestFinished(() => client.close());
    return client;
  };
  const client = connect('test');
  for (const [name, definition] of Object.entries(customResourceDefinitions()))
    await applyManifest(client, parseManifest(definition, name), { fieldManager: 'test', force: true });
  await client.create(namespaces, { metadata: { name: namespace } });

  const agents = await FakeAgents.start();
  onTestFinished(() => agents.close());
  const nodes = new Manager({ logger });
  const nodesCache = new InformerCache(connect('nodes'), { logger });
  const kubelet = new FakeKubelet({ client, cache: nodesCache, agents, nodes: ['one'], bind: 'patch', loadMs: 0, logger });
  await kubelet.register();
  nodes.addCache(nodesCache);
  nodes.addController(() => kubelet.controller);
  runs(nodes);
  return { folder, client, connect, agents };
}

type World = Awaited<ReturnType<typeof openWorld>>;

/** A gateway in this process with a pod of its own, by which the controller finds it. */
async function addGateway({ connect, client }: World, statsTokenFile: string): Promise<string> {
  const cache = new InformerCache(connect('gateway'), { logger });
  runs(cache);
  const gateway = await startGateway({ cache, host: '0.0.0.0', port: 0, statsTokenFile });
  onTestFinished(() => gateway.close({ graceMs: 0 }));
  const containerPort = Number(new URL(gateway.metricsUrl).port);
  await client.create(pods, {
    metadata: { name: 'gateway', namespace, labels: { 'app.kubernetes.io/component': 'gateway' } },
    spec: { containers: [{ name: 'gateway', image: 'gateway', ports: [{ name: statsPortName, containerPort }] }] },
  });
  return gateway.url.replace('0.0.0.0', '127.0.0.1');
}

async function addController({ connect }: World, statsTokenFile: string): Promise<void> {
  const client = connect('modelfleet-controller');
  const cache = new InformerCache(client, { logger });
  const events = new EventRecorder({ client, component: 'modelfleet-controller', logger });
  onTestFinished(() => events.close());
  const gateways = cache.informer(pods, { namespace, labelSelector: gatewayLabel });
  const demand = new DemandWatch({ gateways, tokens: await TokenFile.open(statsTokenFile), logger });
  const manager = new Manager({ logger });
  manager.addCache(cache);
  manager.addRunnable(demand);
  const options = { client, cache, events, demand, namespace, workerImage: 'fake', clock: systemClock, logger };
  manager.addController(() => modelDeploymentController(options));
  runs(manager);
}

test('a replica that its agent finds well but that sends its callers nothing is told, and replaced, on the word of a gateway', async () => {
  const world = await openWorld();
  const { client, folder, agents } = world;
  const tokens = join(folder, 'tokens');
  await writeFile(tokens, 'a-token-of-more-than-16-characters\n');
  const key = generateApiKey();
  await client.create(tenants, { metadata: { name: 'acme' }, spec: { keys: [{ name: 'only', hash: hashApiKey(key) }] } });
  await client.create(modelDeployments, {
    metadata: { name: 'm', namespace },
    spec: {
      model: { source: 'file:///models/none.gguf' },
      replicas: 2,
      serving: { firstTokenTimeout: '1500ms' },
      health: { wedgeTimeout: '1s' },
    },
  });
  const url = await addGateway(world, tokens);
  await addController(world, tokens);
  const replicas = async () => (await client.list<Pod>(pods, { namespace, labelSelector: `${labels.model}=m` })).items;
  const conditions = async () => (await client.get(modelDeployments, { namespace, name: 'm' })).status?.conditions;
  await eventually(async () => expect(findCondition(await conditions(), 'Ready')).toMatchObject({ status: 'True' }), 20_000);

  const engines = await startEngines();
  const [hanging, other] = await replicas();
  const ports = JSON.stringify({ http: engines.port, management: agents.port });
  engines.hanging.add(hanging?.status?.podIP);
  for (const { metadata } of [hanging, other] as Pod[])
    await client.mergePatch(pods, { namespace, name: metadata.name }, { metadata: { annotations: { [annotations.ports]: ports } } });
  const leaving = new AbortController();
  const callers = Array.from({ length: 6 }, async () => {
    while (!leaving.signal.aborted) {
      const headers = { authorization: `Bearer ${key}` };
      const body = JSON.stringify({ model: 'm', messages: [], stream: true });
      const asked = fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body, signal: leaving.signal });
      await asked.then((answer) => answer.text()).catch((error: Error) => expect(error.name).toBe('AbortError'));
      await new Promise((resolve) => setTimeout(resolve, 50)); // as often as people ask, not as often as the machine can
    }
  });
  onTestFinished(async () => {
    leaving.abort();
    await Promise.all(callers);
  });

  const message = expect.stringContaining(`${hanging?.metadata.name} on one: Several streams of callers wait at this replica`);
  await eventually(
    async () => expect(findCondition(await conditions(), 'Ready')).toMatchObject({ status: 'False', reason: 'EngineWedged', message }),
    20_000,
  );
  await eventually(async () => {
    const now = await replicas();
    expect(now.filter(isReplicaReady)).toHaveLength(2);
    expect(now.map(({ metadata }) => metadata.uid)).not.toContain(hanging?.metadata.uid);
    expect(now.map(({ metadata }) => metadata.uid)).toContain(other?.metadata.uid);
    expect(findCondition(await conditions(), 'Ready')).toMatchObject({ status: 'True', reason: 'Ready' });
  }, 40_000);
}, 90_000);
