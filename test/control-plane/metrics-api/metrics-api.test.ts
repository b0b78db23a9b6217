import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { MetricName } from '../../../src/api/fleet-metrics.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { isJsonObject } from '../../../src/core/json.ts';
import { KubeClient, loadKubeConfig, secrets } from '../../../src/kube/index.ts';
import type { MetricSource, Sample } from '../../../src/metrics-api/source.ts';
import { type Asker, ask } from '../../../src/metrics-api/testing/ask.fake.ts';
import { accessOf } from '../../cluster/admin-api.ts';
import { type Cluster, openControlPlane } from '../../cluster/cluster.ts';
import { freePorts } from '../../cluster/free-ports.ts';
import { helmRuns } from '../../fakes/helm.ts';
import { kubectl } from '../../fakes/kubectl.ts';
import { until } from '../lifecycle/harness/until.ts';
import { pairOf, put, reachableAddress, register, secret, serve, serverName, service, tokenOf } from './served.ts';

const address = reachableAddress();
/** A control plane of its own: a group can be registered once in a cluster, and what is registered weighs on everybody in it. */
const possible = inject('kubeconfig') !== '' && !process.env.E2E_KUBECONFIG && helmRuns && address !== undefined;
const crds = join(import.meta.dirname, '../../../crds');
const metric = 'modelfleet_requests_in_system';
const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/models/${metric}`;
const described = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/models/modeldeployments.modelfleet.dev/qwen/${metric}`;

const kedaExample = join(import.meta.dirname, '../../../docs/examples/autoscaling/keda-scaledobject-metrics-api.yaml');
const kedaObject = z.looseObject({
  apiVersion: z.string(),
  spec: z.looseObject({ triggers: z.array(z.object({ metadata: z.object({ url: z.string() }) })).optional() }).optional(),
});

describe.skipIf(!possible)('the metrics API behind a real API server', () => {
  let cluster: Cluster;
  let client: KubeClient;
  /** With the rights that the chart gives, and no others. */
  let controller: KubeClient;
  let port: number;
  let running: Promise<void> = Promise.resolve();
  const stop = new AbortController();
  let sample: Sample;
  /** Of another model, by metric. */
  let several: Partial<Record<MetricName, number>>;
  const source: MetricSource = {
    values: (namespace, name) => {
      const value = several[name];
      const other = value === undefined ? [] : [{ model: 'several', value, at: systemClock.now(), stale: false }];
      return namespace === 'models' ? [sample, ...other] : [];
    },
  };

  beforeAll(async () => {
    cluster = await openControlPlane();
    client = KubeClient.fromKubeConfig(await loadKubeConfig({ path: cluster.kubeconfig }));
    [port = 0] = await freePorts(1);
    await run(['create', 'namespace', service.namespace]);
    await run(['create', 'namespace', 'models']);
    await run(['apply', '--server-side', '-f', crds]);
    await run(['wait', '--for=condition=Established', '--timeout=30s', '-f', crds]);
    const token = await register(client, address ?? '', port);
    const { server: url, caCertificate } = await accessOf(cluster.kubeconfig);
    controller = KubeClient.fromServer({ url, caCertificate, token });
    running = serve(controller, port, source, stop.signal);
    for (const name of ['v1beta1.external.metrics.k8s.io', 'v1beta2.custom.metrics.k8s.io'])
      await run(['wait', '--for=condition=Available', '--timeout=60s', `apiservice/${name}`]);
  }, 180_000);

  afterAll(async () => {
    stop.abort();
    await running;
    await Promise.all([client?.close(), controller?.close()]);
    await cluster?.close();
  });

  beforeEach(() => {
    sample = { model: 'qwen', value: 17, at: systemClock.now(), stale: false };
    several = {};
  });

  async function run(args: readonly string[], stdin?: unknown): Promise<string> {
    const { stdout, stderr, code } = await kubectl(cluster.kubeconfig, args, stdin === undefined ? {} : { stdin: JSON.stringify(stdin) });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Goes to the server itself, past the API server. */
  async function direct(to: string, asker: Omit<Asker, 'ca'>) {
    const { data = {} } = await client.get(secrets, secret);
    return ask(port, serverName, to, { ca: Buffer.from(data['ca.crt'] ?? '', 'base64').toString(), ...asker });
  }

  const newToken = async (name: string) => {
    await run(['create', 'serviceaccount', name, '-n', 'models']);
    return tokenOf(client, 'models', name);
  };

  test('is found by kubectl, with its values', async () => {
    expect(JSON.parse(await run(['get', '--raw', `${path}?labelSelector=model%3Dqwen`]))).toMatchObject({
      kind: 'ExternalMetricValueList',
      items: [{ metricName: metric, metricLabels: { model: 'qwen' }, value: '17' }],
    });
    expect(JSON.parse(await run(['get', '--raw', described]))).toMatchObject({
      items: [{ describedObject: { name: 'qwen' }, value: '17' }],
    });
    expect(await run(['api-resources', '--api-group=external.metrics.k8s.io', '--no-headers'])).toContain(metric);
    await until(async () => (await run(['get', '--raw', '/openapi/v2'])).includes('dev.modelfleet.metrics.ExternalMetricValueList'));
    expect(await run(['get', '--raw', '/openapi/v3/apis/external.metrics.k8s.io/v1beta1'])).toContain('ExternalMetricValueList');
  });

  test('refuses forged headers, whoever brings them', async () => {
    const headers = { 'x-remote-user': 'admin', 'x-remote-group': 'system:masters' };
    expect(await direct(path, { headers })).toMatchObject({ code: 401 });
    const node = await pairOf(cluster.kubeconfig, 'node');
    expect(await direct(path, { headers, pair: node })).toMatchObject({
      code: 403,
      body: { message: expect.stringContaining('User "system:node:node1" cannot list resource') },
    });
    const token = await newToken('forger');
    expect(await direct(path, { headers: { ...headers, authorization: `Bearer ${token}` } })).toMatchObject({ code: 403 });
  });

  test('believes the API server’s own certificate', async () => {
    const pair = await pairOf(cluster.kubeconfig, 'front-proxy');
    const autoscaler = 'system:serviceaccount:kube-system:horizontal-pod-autoscaler';
    expect(await direct(path, { pair, headers: { 'x-remote-user': autoscaler } })).toMatchObject({
      code: 200,
      body: { items: [{ value: '17' }] },
    });
    expect(await direct(path, { pair, headers: { 'x-remote-user': 'nobody' } })).toMatchObject({ code: 403 });
  });

  test('refuses a token without the right to read, one that is none, and lets one in with it', async () => {
    const [stranger, reader] = [await newToken('stranger'), await newToken('reader')];
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { namespace: 'models', name: 'reader' } };
    await put(client, 'roles', {
      ...role,
      kind: 'Role',
      rules: [{ apiGroups: ['external.metrics.k8s.io'], resources: [metric], verbs: ['list'] }],
    });
    await run(['create', 'rolebinding', 'reader', '--role=reader', '--serviceaccount=models:reader', '-n', 'models']);
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    expect(await direct(path, bearer(stranger))).toMatchObject({
      code: 403,
      body: { message: expect.stringContaining('User "system:serviceaccount:models:stranger" cannot list') },
    });
    expect(await direct(path, bearer(`${reader}x`))).toMatchObject({ code: 401 });
    expect(await direct(path, bearer(reader))).toMatchObject({ code: 200 });
    expect(await direct(path.replace('/models/', '/default/'), bearer(reader))).toMatchObject({ code: 403 });
    const viaApiServer = await kubectl(cluster.kubeconfig, ['get', '--raw', path, '--as=system:serviceaccount:models:stranger']);
    expect(viaApiServer.stderr).toContain('Forbidden');
  });

  test('lets the account of the example for KEDA read the number of its model, and nothing else', async () => {
    sample = { ...sample, model: 'qwen3-4b' };
    const objects = parseAllDocuments(await readFile(kedaExample, 'utf8')).map((document) => kedaObject.parse(document.toJS()));
    for (const object of objects) if (!object.apiVersion.startsWith('keda.sh/')) await run(['apply', '-f', '-'], object);
    let token = '';
    await until(async () => {
      const { data = {} } = await client.get(secrets, { namespace: 'models', name: 'keda-modelfleet' });
      token = Buffer.from(data.token ?? '', 'base64').toString();
      return token !== '';
    });
    const { server: url, caCertificate } = await accessOf(cluster.kubeconfig);
    const keda = KubeClient.fromServer({ url, caCertificate, token });
    try {
      const { pathname } = new URL(objects.at(-1)?.spec?.triggers?.[0]?.metadata.url ?? '');
      expect(await keda.request('GET', pathname)).toMatchObject({ items: [{ describedObject: { name: 'qwen3-4b' }, value: '17' }] });
      await expect(keda.request('GET', pathname.replace(metric, 'modelfleet_requests_waiting'))).rejects.toThrow('forbidden');
    } finally {
      await keda.close();
    }
  });

  /** A ModelDeployment without a controller, with an autoscaler; `selector` finds its pods. */
  async function scaled(name: string, selector: string, replicas: number, metrics: readonly object[]): Promise<void> {
    const model = { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', metadata: { namespace: 'models', name } };
    await put(client, 'modeldeployments', { ...model, spec: { model: { source: 'https://models.example.com/qwen.gguf' }, replicas } });
    const status = { replicas, selector };
    await run(['patch', `mdep/${name}`, '-n', 'models', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]);
    await put(client, 'horizontalpodautoscalers', {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { namespace: 'models', name },
      spec: {
        scaleTargetRef: { apiVersion: model.apiVersion, kind: model.kind, name },
        minReplicas: 1,
        maxReplicas: 8,
        metrics: metrics.map((external) => ({ type: 'External', external })),
      },
    });
  }

  const target = (name: MetricName, model: string, wanted: object) => ({
    metric: { name, selector: { matchLabels: { model } } },
    target: wanted,
  });
  const read = async (from: string) => {
    const object = await client.request('GET', from);
    return isJsonObject(object) ? object : {};
  };
  const replicasOf = async (name: string) => (await read(`/apis/modelfleet.dev/v1alpha1/namespaces/models/modeldeployments/${name}`)).spec;
  const activeOf = async (name: string) => {
    const { status: seen } = await read(`/apis/autoscaling/v2/namespaces/models/horizontalpodautoscalers/${name}`);
    const conditions = isJsonObject(seen) && Array.isArray(seen.conditions) ? seen.conditions : [];
    return conditions.find((one) => isJsonObject(one) && one.type === 'ScalingActive');
  };

  test('scales a ModelDeployment by a stock autoscaler, which stands still while the value is lost', { timeout: 90_000 }, async () => {
    await scaled('qwen', 'modelfleet.dev/model=qwen', 1, [target(metric, 'qwen', { type: 'AverageValue', averageValue: '8' })]);
    await until(async () => expect(await replicasOf('qwen')).toMatchObject({ replicas: 3 }));
    expect(await activeOf('qwen')).toMatchObject({ status: 'True', reason: 'ValidMetricFound' });

    sample = { ...sample, value: 0, at: systemClock.now() - 60_000, stale: true };
    await until(async () => expect(await activeOf('qwen')).toMatchObject({ status: 'False' }));
    expect(await activeOf('qwen')).toMatchObject({
      reason: 'FailedGetExternalMetric',
      message: expect.stringContaining('models/qwen is not known'),
    });
    expect(await replicasOf('qwen')).toMatchObject({ replicas: 3 });
  });

  test('and by the metric that asks for most, set against the replicas that are ready', { timeout: 90_000 }, async () => {
    several = { modelfleet_requests_in_system: 8, modelfleet_kv_cache_usage: 0.95, modelfleet_time_to_first_token_seconds: 1 };
    const labels = { model: 'several' };
    for (const name of ['several-a', 'several-b']) {
      const spec = { containers: [{ name: 'worker', image: 'worker' }] };
      await put(client, 'pods', { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'models', name, labels }, spec });
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
      await run(['patch', `pod/${name}`, '-n', 'models', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]);
    }
    await scaled('several', 'model=several', 2, [
      target(metric, 'several', { type: 'AverageValue', averageValue: '8' }),
      target('modelfleet_kv_cache_usage', 'several', { type: 'Value', value: '800m' }),
      target('modelfleet_time_to_first_token_seconds', 'several', { type: 'Value', value: '2' }),
    ]);
    // One for the requests, one for the time to first token; for the cache 0.95 / 0.8 of two.
    await until(async () => expect(await replicasOf('several')).toMatchObject({ replicas: 3 }));
    // With two of three ready it asks for no more: what is on the way counts.
    await until(async () => {
      const { status: seen } = await read('/apis/autoscaling/v2/namespaces/models/horizontalpodautoscalers/several');
      expect(seen).toMatchObject({ currentReplicas: 3, desiredReplicas: 3 });
    });
    expect(await activeOf('several')).toMatchObject({ message: expect.stringContaining('modelfleet_kv_cache_usage') });
  });
});
