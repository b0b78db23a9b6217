import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ModelDeployment, ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import type { AgentStatus } from '../../src/core/agent-contract.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { InformerCache, KubeClient, type KubeObject, type Pod } from '../../src/kube/index.ts';
import { FakeApiServer } from '../../src/kube/testing/api-server.fake.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { demandFor } from '../demand/demand.ts';
import { type ModelDeploymentControllerOptions, modelDeploymentController } from './controller.ts';
import { agent, container, deployment } from './testing/makers.fake.ts';

let server: FakeApiServer;
let client: KubeClient;
let options: ModelDeploymentControllerOptions;
let stop: AbortController;
let running: Promise<unknown>;
/** What the agent of each pod tells, by the pod's address. */
let agents: Map<string, AgentStatus>;
/** Requests that wait at a gateway for any model. */
let queued: number;
let onNews: (model: string) => void;

beforeEach(async () => {
  server = await FakeApiServer.start();
  client = KubeClient.fromServer({ url: server.url });
  stop = new AbortController();
  agents = new Map();
  queued = 0;
  const cache = new InformerCache(client);
  options = {
    client,
    cache,
    workerImage: 'modelfleet-worker',
    gatewayUrl: 'http://127.0.0.1:8080',
    demand: {
      of: (model) => demandFor(model, [{ ...heard(), models: new Map([[model, { held: 0, queued, running: 1 }]]) }], Date.now()),
      all: () => new Map(),
      subscribe: (listener) => {
        onNews = listener;
        return () => {};
      },
    },
    clock: systemClock,
    logger: silentLogger,
    fetchStatus: async ({ host }) => agents.get(host) ?? Promise.reject(new Error('connection refused')),
  };
  const controller = modelDeploymentController(options);
  running = Promise.all([cache.run(stop.signal), controller.start(stop.signal)]);
});

afterEach(async () => {
  stop.abort();
  await running;
  await client.close();
  await server.close();
});

const heard = () => ({ ready: true, since: 0, heardAt: Date.now() });

function put(spec: Partial<ModelDeploymentSpec>): void {
  const { metadata, ...rest } = deployment(spec);
  server.put('modeldeployments', { ...rest, metadata: { name: metadata.name, namespace: 'models', ...(spec && { generation: 1 }) } });
}

test('the controller of the next term of leadership takes over the same caches', async () => {
  expect(() => modelDeploymentController(options)).not.toThrow();
});

const pods = () => server.list('pods', 'models') as Pod[];
const status = () => (server.list('modeldeployments', 'models')[0] as ModelDeployment | undefined)?.status;

/** Does as a kubelet: the pod runs at an address of its own. */
function run(pod: Pod, address: string, fields: { readonly ready?: boolean; readonly restarts?: number } = {}): void {
  server.put('pods', {
    ...pod,
    status: {
      phase: 'Running',
      podIP: address,
      conditions: [{ type: 'Ready', status: fields.ready ? 'True' : 'False' }],
      containerStatuses: [container({ running: {} }, { restartCount: fields.restarts ?? 0 })],
    },
  } as Pod);
}

test('takes a deployment from nothing to ready, telling how it loads', async () => {
  put({ replicas: 1 });
  await eventually(() => expect(pods()).toHaveLength(1));
  const [pod] = pods();
  if (!pod) throw new Error('there is no pod');
  expect(pod.spec?.containers[0]).toMatchObject({
    image: 'modelfleet-worker',
    args: expect.arrayContaining(['--source', 'hf://Qwen/Qwen3-4B']),
  });
  await eventually(() => expect(status()).toMatchObject({ phase: 'Pending', columns: { ready: '0/1' } }));

  agents.set('10.0.0.1', agent({ phase: 'Fetching', percent: 50, etaSeconds: 41 }));
  run(pod, '10.0.0.1');
  await eventually(() =>
    expect(status()).toMatchObject({
      phase: 'Loading',
      loading: { phase: 'Fetching', percent: 27 },
      columns: { load: '27% Fetching', eta: '?' }, // nobody knows yet how long the phases after it take
    }),
  );

  agents.set('10.0.0.1', agent({ phase: 'Ready', percent: 100, etaSeconds: 0 }));
  run(pod, '10.0.0.1', { ready: true });
  await eventually(() => expect(status()).toMatchObject({ phase: 'Ready', readyReplicas: 1, endpoint: 'http://127.0.0.1:8080/v1' }));
});

test('shows in the column QUEUE what waits at gateways, when it hears of it', async () => {
  put({ replicas: 0 });
  await eventually(() => expect(status()?.columns?.queue).toBe(0));
  queued = 7;
  onNews('models/qwen');
  await eventually(() => expect(status()?.columns?.queue).toBe(7));
});

test('follows a change of replicas both ways', async () => {
  put({ replicas: 3 });
  await eventually(() => expect(pods()).toHaveLength(3));
  put({ replicas: 1 });
  await eventually(() => expect(pods()).toHaveLength(1));
});

test('replaces a pod that somebody deletes', async () => {
  put({ replicas: 1 });
  await eventually(() => expect(pods()).toHaveLength(1));
  const name = pods()[0]?.metadata.name ?? '';
  server.remove('pods', 'models', name);
  await eventually(() => expect(pods().map(({ metadata }) => metadata.name)).toEqual([expect.not.stringMatching(name)]));
});

test('comes through a server that fails and watches that break', async () => {
  server.once((request, response) => {
    if (request.method !== 'POST') return false;
    response.writeHead(500, { 'content-type': 'application/json' }).end('{"kind":"Status","code":500}');
    return true;
  });
  put({ replicas: 2 });
  server.cutWatches();
  await eventually(() => expect(pods()).toHaveLength(2));
  await eventually(() => expect(status()).toMatchObject({ replicas: 2 }));
  expect(pods()).toHaveLength(2);
});

test('looks again when the level of a namespace changes', async () => {
  const level = (enforce: string) =>
    server.put('namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'models', labels: { 'pod-security.kubernetes.io/enforce': enforce } },
    } as KubeObject);
  level('restricted');
  put({ cache: { type: 'HostPath' } });
  const accepted = () => status()?.conditions?.find(({ type }) => type === 'Accepted');
  await eventually(() => expect(accepted()).toMatchObject({ status: 'False', reason: 'PodSecurityForbidden' }));
  expect(pods()).toEqual([]);
  level('privileged');
  await eventually(() => expect(pods()).toHaveLength(1));
  await eventually(() => expect(accepted()).toMatchObject({ status: 'True' }));
});
