import { afterEach, beforeEach, expect, test } from 'vitest';
import { customResourceDefinitions } from '../../src/api/crd/definitions.ts';
import type { ModelDeployment, ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import { isReplicaDraining } from '../../src/api/replica.ts';
import { annotations } from '../../src/api/resources.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { findCondition, InformerCache, isNotFound, KubeClient, type Pod, pods } from '../../src/kube/index.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { autoscalerController } from '../../src/local/autoscaler/controller.ts';
import { applyManifest, parseManifest } from '../../src/local/manifests.ts';
import { TestApiServer } from '../../test/fakes/api-server.ts';
import { demandFor, type Part, sumDemand } from '../demand/demand.ts';
import { modelDeploymentController } from '../modeldeployment/controller.ts';
import { modelDeployments } from '../modeldeployment/status-writer.ts';
import { agent, container, deployment } from '../modeldeployment/testing/makers.fake.ts';
import { type HorizontalPodAutoscaler, horizontalPodAutoscalers } from './autoscaler.ts';

const namespace = 'default';
const qwen = { namespace, name: 'qwen' };
const key = `${namespace}/qwen`;

let api: TestApiServer;
let client: KubeClient;
let stop: AbortController;
let running: Promise<unknown>;
let events: string[];
/** The gateway's requests for the model, and whether it is heard. */
let requests: { held: number; running: number; heard: boolean };
let tellNews: (model: string) => void;
/** Another leader takes over: what the one before remembered is gone. */
let takeOver: () => Promise<void>;

beforeEach(async () => {
  api = await TestApiServer.start();
  client = KubeClient.fromServer(api.server);
  for (const [name, definition] of Object.entries(customResourceDefinitions()))
    await applyManifest(client, parseManifest(definition, name), { fieldManager: 'test', force: true });
  events = [];
  requests = { held: 0, running: 0, heard: true };
  stop = new AbortController();
  const cache = new InformerCache(client);
  const shared = { client, cache, clock: systemClock, logger: silentLogger };
  const lead = () =>
    modelDeploymentController({
      ...shared,
      workerImage: 'modelfleet-worker',
      demand: {
        of: (model) => demandFor(model, [gateway()], Date.now()),
        all: () => sumDemand([gateway()], Date.now()),
        subscribe: (listener) => {
          tellNews = listener;
          return () => {};
        },
      },
      events: { event: (_, type, reason) => void events.push(`${type} ${reason}`) },
      fetchStatus: async () => agent({ phase: 'Ready', percent: 100 }),
    });
  const autoscaler = autoscalerController({
    ...shared,
    readMetric: async () => {
      if (!requests.heard) throw new Error('not known');
      return [requests.held + requests.running];
    },
    events: { event: () => {} },
    syncMs: 50,
  });
  let term = new AbortController();
  let leading = lead().start(term.signal);
  takeOver = async () => {
    term.abort();
    await leading;
    term = new AbortController();
    leading = lead().start(term.signal);
  };
  stop.signal.addEventListener('abort', () => term.abort(), { once: true });
  running = Promise.all([cache.run(stop.signal), autoscaler.start(stop.signal)]).then(() => leading);
});

afterEach(async () => {
  stop.abort();
  await running;
  await client.close();
  await api[Symbol.asyncDispose]();
});

function gateway(): Part {
  const { held, running: busy, heard } = requests;
  const models = new Map(held + busy > 0 ? [[key, { held, queued: 0, running: busy }]] : []);
  return { ready: true, since: Date.now(), ...(heard && { heardAt: Date.now() }), models };
}

function ask(now: Partial<typeof requests>): void {
  requests = { ...requests, ...now };
  tellNews(key);
}

const scaling = { minReplicas: 0, maxReplicas: 4, targetRequestsPerReplica: 2, idleTimeout: '200ms' };
const downAtOnce = { scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods' as const, value: 9, periodSeconds: 1 }] } };

const made = (spec: Partial<ModelDeploymentSpec> = {}) =>
  client.create(modelDeployments, { metadata: qwen, spec: deployment({ replicas: 0, scaling, ...spec }).spec });
const edited = (spec: Partial<ModelDeploymentSpec>) => client.mergePatch(modelDeployments, qwen, { spec });
const current = () => client.get(modelDeployments, qwen);
const autoscaler = () => client.get(horizontalPodAutoscalers, qwen);
const condition = async () => {
  const found = findCondition((await current()).status?.conditions, 'ScalingActive');
  return found && `${found.status} ${found.reason}`;
};
/** Notes each number of replicas that the spec has from now on, until the function that it answers is called. */
async function numbersOf(seen: Set<number | undefined>): Promise<() => void> {
  const watching = new AbortController();
  const cache = new InformerCache(client);
  const note = ({ spec }: ModelDeployment) => void seen.add(spec.replicas);
  cache.informer(modelDeployments).addHandler({ add: note, update: note });
  const ended = cache.run(watching.signal);
  await cache.synced(watching.signal);
  stop.signal.addEventListener('abort', () => watching.abort(), { once: true });
  return () => {
    watching.abort();
    void ended;
  };
}

/** The pods that are neither going nor gone. */
const standing = async () => (await client.list(pods, { namespace })).items.filter((pod) => !isReplicaDraining(pod));

/** Does as a kubelet until there are so many replicas: all become ready. */
async function load(replicas: number): Promise<void> {
  await eventually(async () => expect(await standing()).toHaveLength(replicas));
  for (const { metadata, status } of await standing()) {
    const ready = {
      phase: 'Running',
      podIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [container({ running: {} }, { ready: true })],
    };
    if (status?.phase !== 'Running')
      await client.mergePatch<Pod>(pods, { namespace, name: metadata.name }, { status: ready }, { subresource: 'status' });
  }
}

test('sleeps from the beginning, is woken by a request, follows the load, and sleeps again', async () => {
  await made({ scaling: { ...scaling, behavior: downAtOnce } });
  await eventually(async () => expect((await current()).metadata.annotations).toHaveProperty([annotations.asleep]));
  await eventually(async () => expect(await condition()).toBe('True Asleep'));
  expect(await standing()).toHaveLength(0);

  ask({ held: 1 });
  await load(1);
  expect((await current()).metadata.annotations ?? {}).not.toHaveProperty([annotations.asleep]);
  await eventually(async () => expect(await condition()).toBe('True ValidMetricFound'));

  ask({ held: 0, running: 7 });
  await load(4);
  await eventually(async () =>
    expect((await current()).status?.scaling).toMatchObject({ metric: 'modelfleet_requests_in_system', value: 7, desired: 4 }),
  );

  ask({ running: 0 });
  await eventually(async () => expect((await current()).spec.replicas).toBe(0));
  await eventually(async () => expect(await condition()).toBe('True Asleep'));
  await eventually(() => expect(events).toContain('Normal PutToSleep'));
  expect(events.filter((event) => event === 'Normal Woken')).toHaveLength(1);
  expect(events).toContain('Normal ScaledUp');
});

test('never takes a gateway that is not heard for silence', async () => {
  await made({ replicas: 1 });
  requests.heard = false;
  await load(1);
  await eventually(async () => expect(await condition()).toBe('False FailedGetExternalMetric'));
  await eventually(async () => expect((await current()).status?.readyReplicas).toBe(1));
  expect((await current()).spec.replicas).toBe(1);
  ask({ heard: true });
  await edited({ serving: { maxQueue: 1 } });
  await eventually(async () => expect((await current()).spec.replicas).toBe(0));
});

test('moves no replica because something is not known, whoever leads', async () => {
  await made({ scaling: { ...scaling, idleTimeout: '1s', behavior: downAtOnce } });
  ask({ running: 7, held: 1 });
  await load(4);
  await eventually(async () => expect(await condition()).toBe('True ValidMetricFound'));
  const seen = new Set<number | undefined>();
  const stopWatching = await numbersOf(seen);
  ask({ running: 0, held: 0, heard: false });
  await takeOver();
  await eventually(async () => expect(await condition()).toBe('False FailedGetExternalMetric'));
  api.server.faults.cutWatches();
  await takeOver();
  await edited({ serving: { maxQueue: 1 } });
  await eventually(async () => expect((await current()).status?.observedGeneration).toBe((await current()).metadata.generation));
  stopWatching();
  expect([...seen]).toEqual([4]);
  expect(await standing()).toHaveLength(4);
  ask({ heard: true });
  await eventually(async () => expect((await current()).spec.replicas).toBe(0));
});

test('wakes all the same when its write loses a race, or its answer is lost', async () => {
  await made({ scaling: { ...scaling, idleTimeout: '1h' } });
  await eventually(async () => expect(await condition()).toBe('True Asleep'));
  const write = { verb: 'patch', resource: 'modeldeployments' } as const;
  api.server.faults.next(write, { kind: 'fail', status: 409 });
  api.server.faults.next(write, { kind: 'cut', afterEffect: true });
  ask({ held: 1 });
  await load(1);
  expect((await current()).spec.replicas).toBe(1);
});

test('keeps a zero that somebody set, and hands it back when he gives it a replica', async () => {
  await made({ replicas: 1, scaling: { ...scaling, idleTimeout: '1h' } });
  await load(1);
  await edited({ replicas: 0 });
  await eventually(async () => expect(await condition()).toBe('False ScaledToZeroByHand'));
  ask({ held: 3 });
  await edited({ serving: { maxQueue: 1 } });
  await eventually(async () => expect((await current()).status?.observedGeneration).toBe((await current()).metadata.generation));
  expect(await standing()).toHaveLength(0);
  await edited({ replicas: 1 });
  await eventually(async () => expect((await current()).spec.replicas).toBe(2));
});

test('wakes what may not sleep any more', async () => {
  await made();
  await eventually(async () => expect(await condition()).toBe('True Asleep'));
  await edited({ scaling: { ...scaling, minReplicas: 2 } });
  await eventually(async () => expect(await standing()).toHaveLength(2));
  expect((await current()).metadata.annotations ?? {}).not.toHaveProperty([annotations.asleep]);
});

test('keeps an autoscaler as the spec says, and only while it says so', async () => {
  await made({ scaling: { ...scaling, minReplicas: 1 } });
  await eventually(async () => expect((await autoscaler()).spec).toMatchObject({ minReplicas: 1, maxReplicas: 4 }));
  const { spec } = await autoscaler();
  await edited({ scaling: { ...scaling, minReplicas: 1, maxReplicas: 6 } });
  await eventually(async () => expect((await autoscaler()).spec).toEqual({ ...spec, maxReplicas: 6 }));
  await client.delete(horizontalPodAutoscalers, qwen);
  await eventually(async () => expect((await autoscaler()).spec).toMatchObject({ maxReplicas: 6 }));
  await client.mergePatch(modelDeployments, qwen, { spec: { scaling: null } });
  await eventually(async () => expect(await autoscaler().catch(isNotFound)).toBe(true));
  await eventually(async () => expect(await condition()).toBeUndefined());
});

test("leaves somebody else's autoscaler of its name alone, and tells of it", async () => {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'another' };
  const foreign = await client.create<HorizontalPodAutoscaler>(horizontalPodAutoscalers, {
    metadata: qwen,
    spec: { scaleTargetRef, maxReplicas: 2 },
  });
  await made({ replicas: 1 });
  await eventually(async () => expect(await condition()).toBe('False HPANameTaken'));
  expect((await autoscaler()).spec).toEqual(foreign.spec);
  expect((await autoscaler()).metadata.labels).toBeUndefined();
  expect(events).toContain('Warning HPANameTaken');
});
