import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { horizontalPodAutoscalers } from '../../../controllers/scaling/autoscaler.ts';
import { customResourceDefinitions } from '../../api/crd/definitions.ts';
import type { ModelDeployment } from '../../api/model-deployment.ts';
import { modelDeploymentResource } from '../../api/resources.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { findCondition, InformerCache, KubeClient, namespaces, resourceType } from '../../kube/index.ts';
import { type RunningApiServer, startApiServer } from '../apiserver/server.ts';
import { applyManifest, parseManifest } from '../manifests.ts';
import { autoscalerController } from './controller.ts';
import type { ReadMetric } from './external-metrics.ts';

const modelDeployments = resourceType<ModelDeployment>(modelDeploymentResource);
const ref = { namespace: 'models', name: 'qwen' };
const patience = { timeout: 15_000, interval: 20 };

let folder: string;
let server: RunningApiServer;
let client: KubeClient;
let stop: () => Promise<void>;
let told: string[];
let asked: number;
let written = 0;
let readMetric: ReadMetric;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mf-hpa-'));
  server = await startApiServer({ stateDir: folder, logger: silentLogger });
  client = KubeClient.fromServer(server, {
    onResponse: ({ method }) => {
      if (method !== 'GET') written += 1;
    },
  });
  for (const [name, definition] of Object.entries(customResourceDefinitions()))
    await applyManifest(client, parseManifest(definition, name), { fieldManager: 'test', force: true });
  await client.create(namespaces, { metadata: { name: 'models' } });
});

afterAll(async () => {
  await client.close();
  await server.close();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  told = [];
  asked = 0;
  readMetric = async () => [41];
  await client.create(modelDeployments, { metadata: ref, spec: { model: { source: 'hf://a/b' }, replicas: 2 } });
  const ending = new AbortController();
  const cache = new InformerCache(client);
  const controller = autoscalerController({
    client,
    cache,
    readMetric: (...request) => {
      asked += 1;
      return readMetric(...request);
    },
    events: { event: (_object, _type, reason, message) => told.push(`${reason}: ${message}`) },
    clock: systemClock,
    logger: silentLogger,
    syncMs: 50,
  });
  const running = Promise.all([cache.run(ending.signal), controller.start(ending.signal)]);
  stop = async () => {
    ending.abort();
    await running;
  };
});

afterEach(async () => {
  await stop();
  await client.delete(modelDeployments, ref);
  await client.delete(horizontalPodAutoscalers, ref);
});

async function autoscale(fields: object = {}): Promise<void> {
  const target = { type: 'AverageValue', averageValue: '8' };
  await client.create(horizontalPodAutoscalers, {
    metadata: ref,
    spec: {
      scaleTargetRef: { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name: 'qwen' },
      maxReplicas: 20,
      metrics: [{ type: 'External', external: { metric: { name: 'requests', selector: { matchLabels: { model: 'qwen' } } }, target } }],
      ...fields,
    },
  });
}

const replicas = async () => (await client.get(modelDeployments, ref)).spec.replicas;
const read = () => client.get(horizontalPodAutoscalers, ref);

async function condition(type: string): Promise<object | undefined> {
  return findCondition((await read()).status?.conditions, type);
}

test('gives a deployment the replicas that its metric asks for, and says so', async () => {
  const requests: unknown[] = [];
  readMetric = async (...request) => {
    requests.push(request.slice(0, 3));
    return [30, 11];
  };
  await autoscale();

  await expect.poll(replicas, patience).toBe(6);
  expect(requests[0]).toEqual(['models', 'requests', 'model=qwen']);
  await expect.poll(async () => (await read()).status, patience).toMatchObject({ desiredReplicas: 6, lastScaleTime: expect.any(String) });
  expect((await read()).status?.currentMetrics).toMatchObject([{ type: 'External', external: { current: { averageValue: '41' } } }]);
  expect(await condition('ScalingActive')).toMatchObject({ status: 'True', reason: 'ValidMetricFound' });
  expect(await condition('AbleToScale')).toMatchObject({ status: 'True' });
  expect(told[0]).toBe('SuccessfulRescale: New size: 6; reason: requests above target');
});

test('keeps the replicas while the metric cannot be read, and says why', async () => {
  readMetric = () => Promise.reject(new Error('the server could not find the requested resource'));
  await autoscale();

  const reason = 'FailedGetExternalMetric';
  await expect.poll(() => condition('ScalingActive'), patience).toMatchObject({ status: 'False', reason });
  expect(await condition('ScalingActive')).toMatchObject({ message: expect.stringContaining('could not find the requested resource') });
  expect(await replicas()).toBe(2);
});

test('keeps a deployment within its limits whatever the metric says', async () => {
  readMetric = () => Promise.reject(new Error('no answer'));
  await autoscale({ minReplicas: 3 });
  await expect.poll(replicas, patience).toBe(3);

  await client.mergePatch(horizontalPodAutoscalers, ref, { spec: { minReplicas: 1, maxReplicas: 2 } });
  await expect.poll(replicas, patience).toBe(2);
});

test('writes nothing while nothing changes', async () => {
  readMetric = async () => [16];
  await autoscale();
  await expect.poll(() => condition('ScalingActive'), patience).toMatchObject({ status: 'True' });
  const [rounds, before] = [asked, written];

  await expect.poll(() => asked, patience).toBeGreaterThan(rounds + 5);
  expect(written).toBe(before);
  expect(told).toEqual([]);
});

test('says that a target does not exist, or is of a kind that it cannot scale', async () => {
  const apiVersion = 'modelfleet.dev/v1alpha1';
  await autoscale({ scaleTargetRef: { apiVersion, kind: 'ModelDeployment', name: 'gone' } });
  await expect
    .poll(() => condition('AbleToScale'), patience)
    .toMatchObject({
      status: 'False',
      reason: 'FailedGetScale',
      message: 'ModelDeployment gone does not exist in namespace models',
    });

  await client.mergePatch(horizontalPodAutoscalers, ref, { spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment' } } });
  await expect
    .poll(() => condition('AbleToScale'), patience)
    .toMatchObject({ message: expect.stringContaining('names apps/v1 Deployment') });
});

test('says what it cannot follow', async () => {
  await autoscale({ behavior: { scaleUp: { selectPolicy: 'Most' } } });
  await expect
    .poll(() => condition('ScalingActive'), patience)
    .toMatchObject({
      status: 'False',
      reason: 'InvalidSpec',
      message: expect.stringContaining('spec.behavior.scaleUp.selectPolicy'),
    });
});
