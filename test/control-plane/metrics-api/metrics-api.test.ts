import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { isJsonObject } from '../../../src/core/json.ts';
import { KubeClient, loadKubeConfig, secrets } from '../../../src/kube/index.ts';
import type { Sample } from '../../../src/metrics-api/source.ts';
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

describe.skipIf(!possible)('the metrics API behind a real API server', () => {
  let cluster: Cluster;
  let client: KubeClient;
  /** With the rights that the chart gives, and no others. */
  let controller: KubeClient;
  let port: number;
  let running: Promise<void> = Promise.resolve();
  const stop = new AbortController();
  let sample: Sample;
  const source = { values: (namespace: string) => (namespace === 'models' ? [sample] : []) };

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

  test('scales a ModelDeployment by a stock autoscaler, which stands still while the value is lost', { timeout: 90_000 }, async () => {
    const model = { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', metadata: { namespace: 'models', name: 'qwen' } };
    await put(client, 'modeldeployments', { ...model, spec: { model: { source: 'https://models.example.com/qwen.gguf' }, replicas: 1 } });
    const status = { replicas: 1, selector: 'modelfleet.dev/model=qwen' };
    await run(['patch', 'mdep/qwen', '-n', 'models', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]);
    await put(client, 'horizontalpodautoscalers', {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { namespace: 'models', name: 'qwen' },
      spec: {
        scaleTargetRef: { apiVersion: model.apiVersion, kind: model.kind, name: 'qwen' },
        minReplicas: 1,
        maxReplicas: 8,
        metrics: [
          {
            type: 'External',
            external: {
              metric: { name: metric, selector: { matchLabels: { model: 'qwen' } } },
              target: { type: 'AverageValue', averageValue: '8' },
            },
          },
        ],
      },
    });
    const read = async (path: string) => {
      const object = await client.request('GET', path);
      return isJsonObject(object) ? object : {};
    };
    const replicas = async () => (await read('/apis/modelfleet.dev/v1alpha1/namespaces/models/modeldeployments/qwen')).spec;
    const active = async () => {
      const { status: seen } = await read('/apis/autoscaling/v2/namespaces/models/horizontalpodautoscalers/qwen');
      const conditions = isJsonObject(seen) && Array.isArray(seen.conditions) ? seen.conditions : [];
      return conditions.find((one) => isJsonObject(one) && one.type === 'ScalingActive');
    };
    await until(async () => expect(await replicas()).toMatchObject({ replicas: 3 }));
    expect(await active()).toMatchObject({ status: 'True', reason: 'ValidMetricFound' });

    sample = { ...sample, value: 0, at: systemClock.now() - 60_000, stale: true };
    await until(async () => expect(await active()).toMatchObject({ status: 'False' }));
    expect(await active()).toMatchObject({
      reason: 'FailedGetExternalMetric',
      message: expect.stringContaining('models/qwen is not known'),
    });
    expect(await replicas()).toMatchObject({ replicas: 3 });
  });
});
