import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { writeTestKubeconfig } from '../../../test/fakes/command.ts';
import { apiVersion } from '../../api/resources.ts';
import { FakeApiServer, sendStatus } from '../../kube/testing/api-server.fake.ts';
import { explainCommand } from './explain.ts';

const metric = 'modelfleet_requests_in_system';
const metricsPath = '/apis/external.metrics.k8s.io/v1beta1/namespaces/models/';
const proxyPath = '/api/v1/namespaces/fleet/pods/fleet-gateway-1:9091/proxy/metrics';
const model = { namespace: 'models', name: 'qwen' };
const deployment = {
  apiVersion,
  kind: 'ModelDeployment',
  metadata: model,
  spec: { model: { source: 'hf://Qwen/Qwen3-4B' }, replicas: 1, scaling: { maxReplicas: 8 } },
  status: { endpoint: 'http://fleet-gateway.fleet/v1' },
};

let folder: string;
let server: FakeApiServer;
let said: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelfleet-explain-'));
  server = await FakeApiServer.start();
  said = [];
  vi.spyOn(console, 'log').mockImplementation((text: string) => void said.push(text));
  server.put('modeldeployments', deployment);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server.close();
  await rm(folder, { recursive: true });
});

/** What the command prints. Rejects with what it fails with. */
async function explain(...argv: readonly string[]): Promise<string> {
  const kubeconfig = await writeTestKubeconfig(folder, server.url);
  await explainCommand()
    .exitOverride()
    .parseAsync([...argv, '--kubeconfig', kubeconfig, '-n', 'models'], { from: 'user' });
  return said.join('\n');
}

/** Answers the next request for a path with what is said then. */
function answer(path: string, text: () => string): void {
  server.once((request, response) => {
    if (request.path !== path) return false;
    response.end(text());
    return true;
  });
}

/** Refuses the next request for a path. */
function refuse(path: string, code: number, reason: string): void {
  server.once((request, response) => {
    if (request.path !== path) return false;
    sendStatus(response, code, reason);
    return true;
  });
}

function measure(name: string, value: string): void {
  const item = () => ({ metricName: name, metricLabels: { model: 'qwen' }, timestamp: new Date().toISOString(), value });
  answer(metricsPath + name, () => JSON.stringify({ kind: 'ExternalMetricValueList', items: [item()] }));
}

function putGateway(): void {
  const containers = [{ name: 'gateway', ports: [{ name: 'metrics', containerPort: 9091 }] }];
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'fleet', name: 'fleet-gateway-1' }, spec: { containers } };
  server.put('pods', pod);
}

function putAutoscaler(name: string, uid: string | undefined): void {
  const ownerReferences = [{ apiVersion, kind: 'ModelDeployment', name: 'qwen', uid, controller: true }];
  const autoscaler = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { namespace: 'models', name, ownerReferences },
    spec: { scaleTargetRef: { apiVersion, kind: 'ModelDeployment', name: 'qwen' }, maxReplicas: 8 },
  };
  server.put('horizontalpodautoscalers', autoscaler);
}

test('reads the metric as the autoscaler does, and each gateway where the user may', async () => {
  putGateway();
  measure(metric, '17');
  measure('modelfleet_requests_waiting', '9');
  const series = ['queue_length', '9', 'requests_in_flight', '8', 'ready_replicas', '1'];
  const lines = [0, 2, 4].map((at) => `modelfleet_gateway_${series[at]}{model="models/qwen"} ${series[at + 1]}`);
  answer(proxyPath, () => ['# HELP x', 'modelfleet_gateway_queue_length{model="models/other"} 70', ...lines, ''].join('\n'));

  const text = await explain('mdep/qwen');
  expect(text).toMatch(/^Gateways +\ds +17 requests: 9 wait, 8 are being answered$/m);
  expect(text).toMatch(/^ {2}fleet-gateway-1 +0s +17 requests: 9 wait, 8 are being answered; sees 1 ready replica$/m);
  expect(text).toMatch(/^Metric +\ds +modelfleet_requests_in_system is 17$/m);
  const asked = server.requests.find(({ path }) => path === metricsPath + metric);
  expect(asked?.query.get('labelSelector')).toBe('model=qwen');
});

test('goes on without what the user may not see, and says which right shows it', async () => {
  refuse('/api/v1/namespaces/fleet/pods', 403, 'Forbidden');
  refuse(metricsPath + metric, 403, 'Forbidden');
  const text = await explain('qwen');
  expect(text).toContain('each by itself is shown to who may list pods and get pods/proxy in namespace fleet');
  expect(text).toContain(`you may not list ${metric} of external.metrics.k8s.io: the cluster role view allows it`);
  expect(text).toMatch(/^Next: the controller makes the HorizontalPodAutoscaler qwen;/m);
});

test('tells of a gateway that does not answer, and of a cluster that serves no metrics', async () => {
  putGateway();
  refuse(proxyPath, 502, 'BadGateway');
  refuse(metricsPath + metric, 404, 'NotFound');
  const text = await explain('qwen');
  expect(text).toMatch(/^ {2}fleet-gateway-1 +not heard: GET .*BadGateway/m);
  expect(text).toContain('external.metrics.k8s.io/v1beta1 is not served here (value metricsApi.external of the chart)');
});

test('looks for the gateways where it is told to', async () => {
  await explain('qwen', '--gateway-namespace', 'elsewhere');
  expect(server.requests.map(({ path }) => path)).toContain('/api/v1/namespaces/elsewhere/pods');
});

test('tells the deployment’s own autoscaler from one that only has its name, and finds others', async () => {
  const { metadata } = server.put('modeldeployments', deployment);
  putAutoscaler('qwen', metadata.uid);
  putAutoscaler('mine', undefined);
  const text = await explain('qwen');
  expect(text).toMatch(/^Autoscaler +HorizontalPodAutoscaler qwen: not looked at yet, between 1 and 8$/m);
  expect(text).toMatch(/HorizontalPodAutoscaler mine, not Modelfleet’s, scales this deployment too/);

  putAutoscaler('qwen', 'another');
  expect(await explain('qwen')).toContain('HorizontalPodAutoscaler qwen is not Modelfleet’s and is left alone');
});

test('says what is not there', async () => {
  await expect(explain('nothing')).rejects.toThrow('There is no ModelDeployment nothing in namespace models.');
});

test('asks for gauges that gateways have', async () => {
  const documented = await readFile(join(import.meta.dirname, '../../../docs/reference/metrics.md'), 'utf8');
  for (const name of ['queue_length', 'requests_in_flight', 'ready_replicas'])
    expect(documented).toContain(`\`modelfleet_gateway_${name}\` | gauge | \`model\``);
});
