import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, type MockInstance, test, vi } from 'vitest';
import { type Demand, demandFor, sumDemand } from '../../controllers/demand/demand.ts';
import { modelDeploymentController } from '../../controllers/modeldeployment/controller.ts';
import { modelDeployments } from '../../controllers/modeldeployment/status-writer.ts';
import { agent } from '../../controllers/modeldeployment/testing/makers.fake.ts';
import { horizontalPodAutoscalers } from '../../controllers/scaling/autoscaler.ts';
import { fleetMetrics } from '../../src/api/fleet-metrics.ts';
import { isReplicaDraining } from '../../src/api/replica.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { InformerCache, isNotFound, KubeClient, loadKubeConfig, type Pod, pods } from '../../src/kube/index.ts';
import type { MetricSource } from '../../src/metrics-api/source.ts';
import { accessOf } from '../cluster/admin-api.ts';
import { type Cluster, openControlPlane } from '../cluster/cluster.ts';
import { freePorts } from '../cluster/free-ports.ts';
import { helmRuns } from '../fakes/helm.ts';
import { kubectl } from '../fakes/kubectl.ts';
import { until } from './lifecycle/harness/until.ts';
import { reachableAddress, register, serve, service } from './metrics-api/served.ts';

const address = reachableAddress();
/** A control plane of its own, for its metrics are registered for the whole cluster; and one without a scheduler, for the pods are played. */
const possible = inject('kubeconfig') !== '' && !process.env.E2E_KUBECONFIG && helmRuns && address !== undefined;
const crds = join(import.meta.dirname, '../../crds');
const qwen = { namespace: 'models', name: 'qwen' };
const key = 'models/qwen';

/** The only gateway's requests for the model. */
let requests = { held: 0, running: 0 };
let tellNews: (model: string) => void = () => {};

function gateway() {
  const now = systemClock.now();
  return { ready: true, since: now, heardAt: now, models: new Map([[key, { ...requests, queued: 0 }]]) };
}

const demand = {
  of: (model: string): Demand => demandFor(model, [gateway()], systemClock.now()),
  all: () => sumDemand([gateway()], systemClock.now()),
  subscribe: (listener: (model: string) => void) => {
    tellNews = listener;
    return () => {};
  },
};

const source: MetricSource = {
  values: (namespace, metric) => {
    const { inSystem, waiting } = demand.of(key);
    const load = { inSystem, waiting, tokensInFlight: 0, timeToFirstTokenSeconds: 0, kvCacheUsage: 0 };
    return namespace === 'models'
      ? [{ model: 'qwen', value: fleetMetrics[metric].of(load) ?? 0, at: systemClock.now(), stale: false }]
      : [];
  },
};

function ask(now: typeof requests): void {
  requests = now;
  tellNews(key);
}

describe.skipIf(!possible)('a model that a stock autoscaler scales', () => {
  let cluster: Cluster;
  let admin: KubeClient;
  /** With the rights that the chart gives, and no others. */
  let operator: KubeClient;
  let running: Promise<unknown> = Promise.resolve();
  let patches: MockInstance<KubeClient['mergePatch']>;
  const stop = new AbortController();
  const events: string[] = [];

  beforeAll(async () => {
    cluster = await openControlPlane();
    admin = KubeClient.fromKubeConfig(await loadKubeConfig({ path: cluster.kubeconfig }));
    const [port = 0] = await freePorts(1);
    await run(['create', 'namespace', service.namespace]);
    await run(['create', 'namespace', 'models']);
    await run(['apply', '--server-side', '-f', crds]);
    await run(['wait', '--for=condition=Established', '--timeout=30s', '-f', crds]);
    const token = await register(admin, address ?? '', port);
    const { server: url, caCertificate } = await accessOf(cluster.kubeconfig);
    operator = KubeClient.fromServer({ url, caCertificate, token });
    patches = vi.spyOn(operator, 'mergePatch');
    const cache = new InformerCache(operator);
    const controller = modelDeploymentController({
      client: operator,
      cache,
      workerImage: 'modelfleet-worker',
      demand,
      events: { event: (_, type, reason) => void events.push(`${type} ${reason}`) },
      fetchStatus: async () => agent({ phase: 'Ready', percent: 100 }),
      clock: systemClock,
      logger: silentLogger,
    });
    const { signal } = stop;
    running = Promise.all([serve(operator, port, source, signal), cache.run(signal), controller.start(signal)]);
    for (const name of ['v1beta1.external.metrics.k8s.io', 'v1beta2.custom.metrics.k8s.io'])
      await run(['wait', '--for=condition=Available', '--timeout=60s', `apiservice/${name}`]);
  }, 180_000);

  afterAll(async () => {
    stop.abort();
    await running;
    await Promise.all([admin?.close(), operator?.close()]);
    await cluster?.close();
  });

  async function run(args: readonly string[], stdin?: unknown): Promise<string> {
    const { stdout, stderr, code } = await kubectl(cluster.kubeconfig, args, stdin === undefined ? {} : { stdin: JSON.stringify(stdin) });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  const corrections = () => patches.mock.calls.filter(([{ kind }]) => kind === horizontalPodAutoscalers.kind);
  const current = () => admin.get(modelDeployments, qwen);
  const autoscaler = () => admin.get(horizontalPodAutoscalers, qwen);
  const condition = async (type = 'ScalingActive') => {
    const found = (await current()).status?.conditions?.find((one) => one.type === type);
    return found && `${found.status} ${found.reason}`;
  };
  /** The pods that are neither going nor gone. */
  const standing = async () => (await admin.list(pods, { namespace: 'models' })).items.filter((pod) => !isReplicaDraining(pod));

  /** Plays the kubelet until there are so many replicas, all ready. */
  async function load(replicas: number): Promise<void> {
    await until(async () => expect(await standing()).toHaveLength(replicas));
    const state = { running: { startedAt: new Date().toISOString() } };
    const status = {
      phase: 'Running',
      podIP: '10.0.0.1',
      podIPs: [{ ip: '10.0.0.1' }],
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'worker', image: 'worker', imageID: '', ready: true, started: true, restartCount: 0, state }],
    };
    for (const { metadata } of await standing())
      await admin.mergePatch<Pod>(pods, { namespace: 'models', name: metadata.name }, { status }, { subresource: 'status' });
  }

  test('sleeps from the beginning, is woken, follows its load, and sleeps again', { timeout: 120_000 }, async () => {
    const behavior = { scaleDown: { stabilizationWindowSeconds: 0 } };
    const scaling = { minReplicas: 0, maxReplicas: 4, targetRequestsPerReplica: 2, idleTimeout: '3s', behavior };
    const more = { targetKVCacheUsage: '0.85', targetTimeToFirstToken: '1500ms' };
    const rollout = { drainTimeout: '1s' };
    const model = { source: 'https://models.example.com/qwen.gguf' };
    await admin.create(modelDeployments, { metadata: qwen, spec: { model, rollout, replicas: 0, scaling: { ...scaling, ...more } } });
    await until(async () => expect(await condition()).toBe('True Asleep'));
    expect(await standing()).toHaveLength(0);
    expect((await autoscaler()).spec).toMatchObject({
      minReplicas: 1,
      maxReplicas: 4,
      metrics: [
        { external: { target: { averageValue: '2' } } },
        { external: { target: { value: '850m' } } },
        { external: { target: { value: '1500m' } } },
      ],
    });

    ask({ held: 1, running: 0 });
    await load(1);
    ask({ held: 0, running: 8 });
    await until(async () => expect((await current()).spec.replicas).toBe(4));
    await load(4);
    await until(async () => expect(await condition()).toBe('True ValidMetricFound'));
    expect((await autoscaler()).status?.conditions).toContainEqual(expect.objectContaining({ type: 'AbleToScale', status: 'True' }));
    await until(async () => expect((await current()).status?.scaling).toMatchObject({ value: 8, perReplica: '2', desired: 4 }), 40_000);

    await admin.mergePatch(modelDeployments, qwen, { spec: { serving: { maxQueue: 9 } } });
    await until(async () => expect((await current()).status?.observedGeneration).toBe((await current()).metadata.generation));
    expect(corrections()).toHaveLength(0); // what the server has made of it is what is wanted
    await admin.mergePatch(modelDeployments, qwen, { spec: { scaling: { ...scaling, ...more, maxReplicas: 5 } } });
    await until(async () => expect((await autoscaler()).spec?.maxReplicas).toBe(5));
    expect(corrections()).toHaveLength(1);

    ask({ held: 0, running: 0 });
    await until(async () => expect((await current()).spec.replicas).toBe(0));
    await until(async () => expect(await condition()).toBe('True Asleep'));
    await until(async () =>
      expect((await autoscaler()).status?.conditions).toContainEqual(expect.objectContaining({ reason: 'ScalingDisabled' })),
    );
    await until(async () => expect(await standing()).toHaveLength(0));
    expect(events.filter((event) => event === 'Normal Woken' || event === 'Normal PutToSleep')).toEqual([
      'Normal Woken',
      'Normal PutToSleep',
    ]);
  });

  test('keeps a zero that somebody set, whatever the autoscaler would like', { timeout: 60_000 }, async () => {
    await run(['scale', 'mdep/qwen', '-n', 'models', '--replicas=1']);
    await load(1);
    await until(async () => expect((await current()).metadata.annotations ?? {}).not.toHaveProperty(['modelfleet.dev/asleep']));
    await run(['scale', 'mdep/qwen', '-n', 'models', '--replicas=0']);
    await until(async () => expect(await condition()).toBe('False ScaledToZeroByHand'));
    ask({ held: 5, running: 0 });
    await until(async () => expect((await current()).status?.columns).toMatchObject({ queue: 5 }));
    expect((await current()).spec.replicas).toBe(0);
    ask({ held: 0, running: 0 });
  });

  test('takes its autoscaler along', { timeout: 60_000 }, async () => {
    await admin.delete(modelDeployments, qwen);
    await until(async () => expect(await autoscaler().catch(isNotFound)).toBe(true));
  });
});
